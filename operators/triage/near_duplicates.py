"""Near duplicates among texts: the same failure, told by many users in almost the same words.

A text is the set of its three-word sequences, in lower case and with all digits alike. Two are near duplicates where
at least a share `similar` of all sequences of both is in both (their Jaccard similarity). Each text joins the most
similar of the texts before it that lead a group, or leads one itself; so the groups are a function of the texts in
their order, and nothing is joined by a chain of others.

Which leaders are compared at all is found by MinHash in 24 bands of 3 rows (Broder 1997, "On the resemblance and
containment of documents", eq. 2; Leskovec, Rajaraman, Ullman, "Mining of Massive Datasets", 3.4): two texts with a
similarity of 0.6 meet in some band with a chance of 1 - (1 - 0.6^3)^24 = 0.997, of 0.5 with 0.96, and what meets is
compared exactly. Cost: some 0.3 ms a text of 200 words; of one band no more than CANDIDATES_MAX leaders are compared,
so a flood of texts costs no more than their number.
"""

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from zlib import crc32

import numpy as np

from operators.arrays import Ints

WORDS = 3  # Of a sequence.
WORDS_MAX = 2_000  # Of a text that are looked at.
BANDS, ROWS = 24, 3
CANDIDATES_MAX = 8
_WORD = re.compile(r"\w+")
_DIGITS = re.compile(r"\d+")

Shingles = frozenset[int]


def _constants(what: str) -> Ints:
    """Return a number of 64 bits for each row: from a hash, so that they are the same for ever."""
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
    """Return the hashes of all sequences of three words; of fewer words that of all."""
    if len(words) < WORDS:
        return frozenset([crc32(" ".join(words).encode("utf-8", "replace"))])
    joined = map(" ".join, zip(words, words[1:], words[2:], strict=False))
    return frozenset(crc32(each.encode("utf-8", "replace")) for each in joined)


def bands(of: Shingles) -> list[bytes]:
    """Return what two texts have one of in common, most likely, if they are near duplicates."""
    values = np.fromiter(of, np.uint64, len(of))
    lowest = ((values * _FACTORS + _TERMS) >> _SHIFT).min(axis=1).astype(np.uint32)
    return [bytes([band]) + lowest[band * ROWS : (band + 1) * ROWS].tobytes() for band in range(BANDS)]


def similarity(left: Shingles, right: Shingles) -> float:
    """Return the share of all sequences of both that is in both.

    >>> similarity(frozenset([1, 2, 3]), frozenset([2, 3, 4]))
    0.5
    """
    common = len(left & right)
    return common / (len(left) + len(right) - common)


def leaders(texts: Iterable[str], similar: float) -> list[int]:
    """Return, of each text, the number of the text that leads its group: its own where it does itself.

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
