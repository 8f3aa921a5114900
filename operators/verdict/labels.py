"""The labels that came in a pane, by finest slice, and how old each was."""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.window.label_ages import LabelAges, decode
from operators.window.partial import Partial
from operators.window.slots import Reported, described

_NONE = np.zeros(0, np.int64)


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """`ages.row` index into `names`, which are finest slices of versions; SLIs are those of the policy."""

    names: Sequence[Reported] = ()
    ages: LabelAges = LabelAges(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE)

    def of(self, model: str, version: str, sli: int) -> LabelAges:
        """Return those of one version and SLI; their rows index into `names` still."""
        mine = [name.model == model and name.version == version for name in self.names]
        wanted = np.array(mine, bool)[self.ages.row] & (self.ages.sli == sli) if self.names else np.zeros(0, bool)
        return LabelAges(*(column[wanted] for column in self.ages))


NO_LABELS = Labels()


def labels_of(part: Partial | None, dimensions: tuple[str, ...]) -> Labels:
    """Return the labels among what came in on time in a pane."""
    if part is None or not len(part.ages):
        return NO_LABELS
    ages = decode(part.ages, part.slis.shape[1])
    series = [part.series[index] for index in part.which.tolist()]
    names = [Reported(each.model, each.version, *described(dimensions, each.values)) for each in series]
    return Labels(names=names, ages=ages)
