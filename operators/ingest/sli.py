"""SLIs: which events and feedback are good, bad or neither. All ratios are good / (good + bad)."""

import numpy as np

from operators.arrays import Ints
from operators.ingest.columns import Columns
from operators.ingest.slis.kind import NOT_MEANT
from operators.ingest.slis.registry import sli_kind_of
from operators.policy.policy import Sli
from operators.window.partial import NEITHER
from operators.wire.events import UNUSABLE


def classify(sli: Sli, columns: Columns) -> Ints:
    """Return GOOD, BAD, NEITHER or NOT_MEANT for each item, shape (n,).

    An event whose error type the SLI ignores is NEITHER, and so is one whose error type could not be read.
    """
    if sli.on_feedback != (columns.stream == "feedback"):
        return np.full(len(columns.series), NOT_MEANT)
    classes = sli_kind_of(sli).classify(sli, columns.numbers, columns.errors)
    ignored = [code for code, name in enumerate(columns.error_types) if name in sli.ignore or name == UNUSABLE]
    return np.where(np.isin(columns.errors, ignored), NEITHER, classes) if ignored else classes
