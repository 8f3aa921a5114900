"""SLIs: which events and feedback are good, bad or neither. All ratios are good / (good + bad)."""

import numpy as np

from operators.arrays import Ints
from operators.ingest.columns import LABEL, Columns, flagged_name, of_kind_name
from operators.policy.policy import Sli
from operators.window.partial import BAD, GOOD, NEITHER
from operators.wire.events import UNUSABLE

NOT_MEANT = 3  # The SLI is about other things: feedback for an SLI on events, another kind, and the reverse.


def classify(sli: Sli, columns: Columns) -> Ints:
    """Return GOOD, BAD, NEITHER or NOT_MEANT for each item, shape (n,).

    An item that lacks the field is NEITHER: missing data is never good news, bad news or zero. So is an event whose
    error type could not be read.
    """
    if sli.on_feedback != (columns.stream == "feedback"):
        return np.full(len(columns.series), NOT_MEANT)
    if sli.good == "label_matches":
        return columns.numbers[LABEL].astype(np.int64)  # Its values are the classes.
    if sli.good == "no_error":
        classes = np.where(columns.errors > 0, BAD, GOOD)
    elif sli.good == "flag_absent":
        flagged = columns.numbers[flagged_name(sli.name)]
        classes = np.where(np.isnan(flagged), NEITHER, np.where(flagged > 0, BAD, GOOD))
    else:
        classes = _against_limit(sli, columns)
    ignored = [code for code, name in enumerate(columns.error_types) if name in sli.ignore or name == UNUSABLE]
    return np.where(np.isin(columns.errors, ignored), NEITHER, classes) if ignored else classes


def _against_limit(sli: Sli, columns: Columns) -> Ints:
    field, limit = sli.field or "", sli.limit or 0.0
    values = columns.numbers[field]
    good = values <= limit if sli.good == "at_most" else values >= limit
    classes = np.where(np.isnan(values), NEITHER, np.where(good, GOOD, BAD))
    if sli.on_feedback:
        return np.where(columns.numbers[of_kind_name(field)] > 0, classes, NOT_MEANT)
    return classes
