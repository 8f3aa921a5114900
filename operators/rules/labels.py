"""The labels that came in a pane, by finest slice, and how old each was."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy.sli import by_cohorts
from operators.window.label_ages import LabelAges, decode
from operators.window.partial import UNSLICED, Partial
from operators.window.series_index import SliceSeries, described

_NONE = np.zeros(0, np.int64)


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """`ages.row` index into `names`, the finest slices of versions; SLIs are those of the policy.

    `places` are the places of the labels of each model and version.
    """

    names: Sequence[SliceSeries]
    ages: LabelAges
    places: Mapping[tuple[str, str], Ints]

    @classmethod
    def by(cls, names: Sequence[SliceSeries], ages: LabelAges) -> "Labels":
        number = {version: at for at, version in enumerate(dict.fromkeys((name.model, name.version) for name in names))}
        of = np.array([number[name.model, name.version] for name in names], np.int64)[ages.row]
        order = np.argsort(of, kind="stable")
        ends = np.searchsorted(of[order], np.arange(1, len(number)))
        return cls(names=names, ages=ages, places=dict(zip(number, np.split(order, ends), strict=True)))

    def of(self, model: str, version: str, sli: int) -> LabelAges:
        """Return the labels of one version and SLI; their rows still index into `names`."""
        places = self.places.get((model, version), _NONE)
        places = places[self.ages.sli[places] == sli]
        return LabelAges(*(column[places] for column in self.ages))


NO_LABELS = Labels(names=(), ages=LabelAges(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE), places={})


def labels_of(part: Partial | None, policy: Policy) -> Labels:
    """Return the labels that came in on time in a pane."""
    if part is None or not len(part.ages):
        return NO_LABELS
    ages = decode(part.ages, part.slis.shape[1])
    if cohorts := by_cohorts(policy.slis):  # Those count when their time is over (`window/maturing.py`).
        ages = LabelAges(*(column[~np.isin(ages.sli, list(cohorts))] for column in ages))
    every = list(part.series)
    series = [every[index] for index in part.which.tolist()]
    whole = np.array([UNSLICED not in each.values for each in series], bool)
    if not whole.all():  # From before a slice dimension began: releases are compared at the finest slices.
        ages = LabelAges(*(column[whole[ages.row]] for column in ages))
    names = [SliceSeries(each.model, each.version, *described(policy.dimensions, each.values)) for each in series]
    return Labels.by(names, ages)
