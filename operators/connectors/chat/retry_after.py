"""When an endpoint says that it may be asked again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_s(header: str | None) -> float | None:
    """Return what Retry-After says, seconds or a date; None where it says nothing that can be read.

    >>> retry_after_s("2"), retry_after_s("soon"), retry_after_s(None), retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT")
    (2.0, None, None, 0.0)
    """
    if header is None:
        return None
    try:
        return min(max(float(header), 0.0), 3_600.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None
