"""When an endpoint allows the next request."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

WAIT_S_MAX = 3_600.0


def retry_after_s(header: str | None) -> float | None:
    """Return the wait of a Retry-After header, seconds or a date; None if unreadable. At most `WAIT_S_MAX`.

    >>> retry_after_s("2"), retry_after_s("soon"), retry_after_s(None), retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT")
    (2.0, None, None, 0.0)
    >>> retry_after_s("nan"), retry_after_s("inf"), retry_after_s("Wed, 21 Oct 9999 07:28:00 GMT")
    (None, 3600.0, 3600.0)
    """
    if header is None:
        return None
    try:
        wait_s = _seconds(header)
    except (ValueError, TypeError, OverflowError):
        return None
    return None if math.isnan(wait_s) else min(max(wait_s, 0.0), WAIT_S_MAX)


def _seconds(header: str) -> float:
    try:
        return float(header)
    except ValueError:
        return (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds()
