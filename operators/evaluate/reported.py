"""User complaints: such a request is judged whatever the rates are, and its judgement counts for no version."""

from operators.wire.events import Feedback

DOWN = ("down", "no", "bad", "false", "negative")  # Words that mean a thumbs-down.


def is_complaint(item: Feedback) -> bool:
    """Tell whether somebody says that an answer was bad.

    >>> thumbs = [Feedback(request_id="r", ts=0, kind="thumbs", value=each) for each in (True, False, "Down", -1, "up")]
    >>> [is_complaint(each) for each in thumbs]
    [False, True, True, True, False]
    """
    if item.kind != "thumbs":
        return item.kind == "report"
    return item.value.lower() in DOWN if isinstance(item.value, str) else item.value is not None and item.value <= 0
