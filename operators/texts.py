"""Texts as they are said: what comes from outside is cut, in events, errors, dead letters, variables; times."""

from datetime import UTC, datetime
from hashlib import blake2b

DETAIL_MAX = 300  # Characters of what a decoder says: it may quote what it read.


def clock(ms: int) -> str:
    """Return a time; its number if it is beyond what a calendar has.

    >>> clock(1_763_700_000_000)
    '2025-11-21 04:40:00Z'
    """
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters and some 50 more, which say how long it was and what it was.

    Two texts that differ still differ when they are cut: the end is a hash (BLAKE2b, 8 bytes) of all of it.

    >>> cut("short", 10), cut("x" * 600_000, 4)
    ('short', 'xxxx... (600000 characters, 85db2fbcf1810f07)')
    """
    if len(text) <= longest:
        return text
    digest = blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
    return f"{text[:longest]}... ({len(text)} characters, {digest})"
