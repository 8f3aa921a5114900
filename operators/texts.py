"""Texts for people: times, and cut texts from outside, in events, errors, dead letters and variables."""

from datetime import UTC, datetime
from hashlib import blake2b

DETAIL_MAX = 300  # Characters of a decoder's message, which may quote what it read.


def clock(ms: int) -> str:
    """Return a time as text; its number if no calendar has it.

    >>> clock(1_763_700_000_000)
    '2025-11-21 04:40:00Z'
    """
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(ms)


def age(ms: int) -> str:
    """Return a duration in its two largest units, rounded up.

    >>> age(129_001), age(60_000), age(250), age(3_661_000), age(90_000_000)
    ('2 m 10 s', '1 m', '1 s', '1 h 2 m', '1 d 1 h')
    """
    for unit, least, name, small in ((86_400, 3_600, "d", "h"), (3_600, 60, "h", "m"), (60, 1, "m", "s")):
        if ms >= unit * 1_000:
            whole, rest = divmod(-(-ms // (least * 1_000)) * least, unit)
            return f"{whole} {name} {rest // least} {small}" if rest else f"{whole} {name}"
    return f"{-(-ms // 1_000)} s"


def cut(text: str, longest: int) -> str:
    """Return at most `longest` characters of a text; if it is cut, some 50 more say how long it was, and its hash.

    Two texts that differ still differ when they are cut: the hash (BLAKE2b, 8 bytes) is of the whole text.

    >>> cut("short", 10), cut("x" * 600_000, 4)
    ('short', 'xxxx... (600000 characters, 85db2fbcf1810f07)')
    """
    if len(text) <= longest:
        return text
    digest = blake2b(text.encode("utf-8", "backslashreplace"), digest_size=8).hexdigest()
    return f"{text[:longest]}... ({len(text)} characters, {digest})"
