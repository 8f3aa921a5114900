"""Times given on command lines."""

from datetime import datetime

from operators.wire.events import ms_of


def time_ms(text: str) -> int:
    """Return a time with its offset as Unix ms. ValueError, which says what it must be.

    >>> time_ms("2026-11-21T12:00:00+01:00")
    1795258800000
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("must be a time such as 2026-11-21T12:00:00Z") from error
    if time.tzinfo is None:
        raise ValueError("needs an offset, such as Z or +01:00")
    return ms_of(time)
