"""Texts that come from outside, cut before they are said again: in events, errors, dead letters, variables."""

from hashlib import blake2b

DETAIL_MAX = 300  # Characters of what a decoder says: it may quote what it read.


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
