"""`label_matches`: a feedback of kind label is good when it equals the prediction, neither when one is missing."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Floats, Ints
from operators.ingest.slis.kind import NOT_MEANT, Numbers, SliKind
from operators.policy.sli import Sli
from operators.window.partial import BAD, GOOD, NEITHER
from operators.wire.events import Feedback, as_text

LABEL = "label"  # The name of its column, which holds the classes; no field is named so.


class LabelMatches(Sli, frozen=True, kw_only=True):
    """An SLI without keys of its own."""

    @property
    def on_feedback(self) -> bool:
        return True


def _labels(items: Sequence[Feedback]) -> Floats:
    return np.array([_label(item) for item in items], float)


def _label(item: Feedback) -> int:
    if item.kind != "label":
        return NOT_MEANT
    if item.prediction is None or item.value is None:
        return NEITHER
    return GOOD if as_text(item.value) == as_text(item.prediction) else BAD


def _classify(sli: LabelMatches, numbers: Numbers, errors: Ints) -> Ints:
    return numbers[LABEL].astype(np.int64)


KIND = SliKind(
    good="label_matches",
    sli=LabelMatches,
    words=lambda sli: "a feedback of kind label equals the prediction",
    classify=_classify,
    columns=lambda sli: {LABEL: _labels},
)
