"""Labels as numbers that encode how confident the model was, and whether it was right."""

from collections.abc import Sequence

from operators.wire.events import Feedback, as_text

BELOW_ONE = 1.0 - 1e-9  # A confidence of 1 belongs to the last cell.


def calibrated(items: Sequence[Feedback]) -> list[float | None]:
    """Return the confidence of a wrong answer, and 1 plus that of a right one; None where it is unknown.

    >>> label = dict(request_id="r", ts=1_700_000_000_000, kind="label", value="yes")
    >>> calibrated([Feedback(**label, prediction=said, score=score) for said, score in (("yes", 0.75), ("no", 0.75))])
    [1.75, 0.75]
    >>> calibrated([Feedback(**label, prediction="yes", score=7.0), Feedback(**label, score=0.5)])
    [None, None]
    """
    return [_number(item) for item in items]


def _number(item: Feedback) -> float | None:
    if item.value is None or item.prediction is None or item.score is None or not 0.0 <= item.score <= 1.0:
        return None
    right = as_text(item.value) == as_text(item.prediction)
    return min(item.score, BELOW_ONE) + (1.0 if right else 0.0)
