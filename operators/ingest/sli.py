"""SLIs: which events and feedback are good, bad or neither. All ratios are good / (good + bad)."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.ingest.columns import Columns
from operators.ingest.slis.by_team import SliByTeam, rows_by_sli
from operators.ingest.slis.kind import NOT_MEANT
from operators.ingest.slis.registry import sli_kind_of
from operators.policy.sli import Retired, Sli
from operators.window.partial import NEITHER
from operators.wire.events import UNUSABLE


def classify(sli: Sli, columns: Columns) -> Ints:
    """Return GOOD, BAD, NEITHER or NOT_MEANT for each item, shape (n,).

    An event whose error type the SLI ignores is NEITHER, and so is one whose error type could not be read. Items
    outside the SLI's slices are NOT_MEANT.
    """
    if isinstance(sli, SliByTeam):
        return _by_team(sli, columns)
    if isinstance(sli, Retired) or sli.on_feedback != (columns.stream == "feedback"):
        return np.full(len(columns.series), NOT_MEANT)
    classes = sli_kind_of(sli).classify(sli, columns.numbers, columns.errors)
    ignored = [code for code, name in enumerate(columns.error_types) if name in sli.ignore or name == UNUSABLE]
    classes = np.where(np.isin(columns.errors, ignored), NEITHER, classes) if ignored else classes
    return np.where(_within(sli, columns), classes, NOT_MEANT) if sli.places else classes


def _by_team(sli: SliByTeam, columns: Columns) -> Ints:
    """Classify each item by the SLI of its own policy."""
    classes = np.full(len(columns.series), NOT_MEANT)
    for each, rows in rows_by_sli(sli, columns.numbers):
        own = msgspec.structs.replace(
            columns,
            series=columns.series[rows],
            errors=columns.errors[rows],
            numbers={name: columns.numbers[name][rows] for name in each.fields},
        )
        classes[rows] = classify(each, own)
    return classes


def _within(sli: Sli, columns: Columns) -> NDArray[np.bool_]:
    """Return which items are in the slices that an SLI is about."""
    inside = [
        any(all(name.values[index] == value for index, value in each) for each in sli.places) for name in columns.names
    ]
    return np.array(inside, bool)[columns.series]
