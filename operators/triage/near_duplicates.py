"""Near duplicates among texts: the same failure, described by many users in almost the same words.

A text is the set of its three-word sequences, in lower case and with all digits alike. Two texts are near duplicates if
they share at least the part `similar` of all their sequences (their Jaccard similarity). Each text joins the most
similar of the earlier texts that lead a group, or leads one itself; so the groups are a function of the texts in their
order, and no two texts are joined by a chain of others.

MinHash finds the leaders that are compared, in 24 bands of 3 rows (Broder 1997, "On the resemblance and
containment of documents", eq. 2; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4): two texts with a
similarity of 0.6 meet in some band with a chance of 1 - (1 - 0.6^3)^24 = 0.997, of 0.5 with 0.96, and those that meet
are compared exactly. Cost: some 0.3 ms a text of 200 words; at most CANDIDATES_MAX leaders of a band are compared, so
the cost of a flood of texts grows only with their number.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from zlib import crc32

import numpy as np

from operators.arrays import Ints

WORDS = 3  # Of a sequence.
WORDS_MAX = 2_000  # Only so many words of a text are looked at.
BANDS, ROWS = 24, 3
CANDIDATES_MAX = 8
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")

Shingles = frozenset[int]


def _constants(what: str) -> Ints:
    """Return a 64-bit number for each row, from a hash, so that it is the same for ever."""
    digests = (blake2b(f"{what} {row}".encode(), digest_size=8).digest() for row in range(BANDS * ROWS))
    return np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64).astype(np.int64)


_FACTORS = _constants("factor").view(np.uint64)[:, None] | np.uint64(1)
_TERMS = _constants("term").view(np.uint64)[:, None]
_SHIFT = np.uint64(32)


def normalised(text: str) -> list[str]:
    """Return the words of a text that are looked at.

    >>> normalised("Is 17077 a prime? - is it?")
    ['is', '0', 'a', 'prime', 'is', 'it']
    """
    return _WORD.findall(_DIGITS.sub("0", text[: WORDS_MAX * 40].lower()))[:WORDS_MAX]


def shingles(words: Sequence[str]) -> Shingles:
    """Return the hashes of all sequences of three words; of a shorter text the hash of the whole."""
    if len(words) < WORDS:
        return frozenset([crc32(" ".join(words).encode("utf-8", "replace"))])
    joined = map(" ".join, zip(words, words[1:], words[2:], strict=False))
    return frozenset(crc32(each.encode("utf-8", "replace")) for each in joined)


def bands(of: Shingles) -> list[bytes]:
    """Return the keys of a text: near duplicates most likely have one in common."""
    values = np.fromiter(of, np.uint64, len(of))
    lowest = ((values * _FACTORS + _TERMS) >> _SHIFT).min(axis=1).astype(np.uint32)
    return [bytes([band]) + lowest[band * ROWS : (band + 1) * ROWS].tobytes() for band in range(BANDS)]


def similarity(left: Shingles, right: Shingles) -> float:
    """Return the share of the sequences of either that is in both.

    >>> similarity(frozenset([1, 2, 3]), frozenset([2, 3, 4]))
    0.5
    """
    common = len(left & right)
    return common / (len(left) + len(right) - common)


def leaders(texts: Iterable[str], similar: float) -> list[int]:
    """Return, for each text, the number of the text that leads its group, which may be itself.

    >>> leaders(["the answer is wrong again", "hello", "The answer is wrong, again!"], 0.6)
    [0, 1, 0]
    """
    sets: dict[int, Shingles] = {}
    same: dict[Shingles, int] = {}
    meeting: dict[bytes, list[int]] = {}
    found: list[int] = []
    for number, text in enumerate(texts):
        mine = shingles(normalised(text))
        leader = same.get(mine)
        if leader is None:
            places = bands(mine)
            leader = _nearest(mine, places, meeting, sets, similar)
            if leader is None:
                leader = number
                sets[number] = mine
                for place in places:
                    meeting.setdefault(place, []).append(number)
            same[mine] = leader
        found.append(leader)
    return found


def _nearest(
    mine: Shingles, places: list[bytes], meeting: dict[bytes, list[int]], sets: dict[int, Shingles], similar: float
) -> int | None:
    near = {other for place in places for other in meeting.get(place, ())[:CANDIDATES_MAX]}
    scored = [(similarity(mine, sets[other]), -other) for other in near]
    best = max(scored, default=(0.0, 0))
    return -best[1] if best[0] >= similar else None
