"""SLIs: which events and feedback are good, bad or neither. All ratios are good / (good + bad)."""

import numpy as np

from operators.ingest.columns import NO_LABEL, Columns
from operators.policy import Sli
from operators.window.partial import BAD, GOOD, NEITHER, Ints

NOT_MEANT = 3  # The SLI is about other things: feedback for an SLI on events, and the reverse.


def classify(sli: Sli, columns: Columns) -> Ints:
    """Return GOOD, BAD, NEITHER or NOT_MEANT for each item, shape (n,).

    An item that lacks the field is NEITHER: missing data is never good news, bad news or zero.
    """
    size = len(columns.series)
    if sli.on_feedback != (columns.errors is None):
        return np.full(size, NOT_MEANT)
    if sli.good == "label_matches":
        labels = np.zeros(0, np.int64) if columns.labels is None else columns.labels
        return np.where(labels == NO_LABEL, NOT_MEANT, labels)
    classes = _event_classes(sli, columns)
    if sli.ignore and columns.errors is not None:
        ignored = [code for code, name in enumerate(columns.error_types) if name in sli.ignore]
        if ignored:
            classes = np.where(np.isin(columns.errors, ignored), NEITHER, classes)
    return classes


def _event_classes(sli: Sli, columns: Columns) -> Ints:
    if sli.good == "no_error":
        assert columns.errors is not None  # noqa: S101 - `classify` has sent feedback away.
        return np.where(columns.errors > 0, BAD, GOOD)
    if sli.good == "flag_absent":
        return np.where(columns.flagged[sli.name], BAD, GOOD)
    values = columns.numbers[sli.field or ""]
    limit = sli.limit or 0.0
    good = values <= limit if sli.good == "at_most" else values >= limit
    classes = np.where(np.isnan(values), NEITHER, np.where(good, GOOD, BAD))
    if sli.on_feedback:
        of_kind = columns.numbers[f"{sli.field}?"]
        classes = np.where(np.isnan(of_kind), NOT_MEANT, classes)
    return classes
