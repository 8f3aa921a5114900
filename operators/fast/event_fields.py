"""The fields of an event as the scanner knows them: how each is read, and where its value goes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast.compiled import inlined
from operators.fast.words import WORD, Text, word_at

# How a value is read.
ID, TIME, NAME, ERROR, AMOUNT, SCORE, COUNT, SLICES = 0, 1, 2, 3, 4, 5, 6, 7
LINEAGE, LABEL, ABSENT, FALSE_ONLY, ANY, OBJECT, METRICS, FLAGS = 8, 9, 10, 11, 12, 13, 14, 15
SESSION, USER = 16, 17
KINDS = {
    "request_id": ID, "ts": TIME, "model": NAME, "version": NAME, "slices": SLICES, "error_type": ERROR,
    "latency_ms": AMOUNT, "ttft_ms": AMOUNT, "cost_usd": AMOUNT, "score": SCORE,
    "input_tokens": COUNT, "output_tokens": COUNT, "prompt_version": LINEAGE, "endpoint": LINEAGE,
    "team": LABEL, "session_id": SESSION, "user_id": USER, "attempt": ABSENT, "kind": ABSENT, "mirrored": FALSE_ONLY,
    "prediction": ANY, "embedding": ANY, "input": ANY, "output": ANY, "features": OBJECT, "metrics": METRICS,
    "flags": FLAGS,
}  # fmt: skip
NUMBERS = frozenset(name for name, kind in KINDS.items() if kind in (AMOUNT, SCORE, COUNT))
NOWHERE = -1  # The place of a value that is not needed.
WORDS = 4
ONE, TWO = np.uint64(1), np.uint64(2)
KEY_MAX = WORDS * WORD - 2  # Characters of a key that can be looked for.


class Keys(NamedTuple):
    """Keys that are looked for, with their quotes, as words, (4 n,) each, and the bytes of those that count.

    `after` (n + 1,) holds the key that last came after each one, and after the beginning (n): it is tried next.
    """

    words: NDArray[np.uint64]
    masks: NDArray[np.uint64]
    lengths: Ints
    after: Ints


class Fields(NamedTuple):
    """Fields of an event, (n,) each: their keys, how each is read, its column, and its largest allowed value."""

    keys: Keys
    kinds: Ints
    columns: Ints
    most: NDArray[np.float64]
    needed: np.uint64  # A bit for each field that must be there.
    dimensions: Keys


def key_table(names: Sequence[str]) -> Keys:
    """Return the table of some keys of at most KEY_MAX characters, all of them ASCII."""
    quoted = [f'"{name}"'.encode() for name in names]
    size = WORDS * WORD
    padded = [key.ljust(size, b"\0") for key in quoted]
    masks = [(b"\xff" * len(key)).ljust(size, b"\0") for key in quoted]
    return Keys(
        words=np.frombuffer(b"".join(padded), np.uint64).copy(),
        masks=np.frombuffer(b"".join(masks), np.uint64).copy(),
        lengths=np.array([len(key) for key in quoted], np.int64),
        after=np.append(np.arange(len(names), dtype=np.int64), 0),
    )


@inlined
def is_key(text: Text, at: int, keys: Keys, key: int) -> bool:
    """Tell whether a key stands at a place; most have two words, so only then is more looked at."""
    place = np.uint64(key * WORDS)  # An index that cannot be negative costs less.
    first, second = word_at(text, at) ^ keys.words[place], word_at(text, at + WORD) ^ keys.words[place + ONE]
    if (first & keys.masks[place]) | (second & keys.masks[place + ONE]):
        return False
    if keys.lengths[np.uint64(key)] <= 2 * WORD:
        return True
    place += TWO
    third, fourth = (
        word_at(text, at + 2 * WORD) ^ keys.words[place],
        word_at(text, at + 3 * WORD) ^ keys.words[place + ONE],
    )
    return bool(((third & keys.masks[place]) | (fourth & keys.masks[place + ONE])) == 0)


@inlined
def key_at(text: Text, at: int, keys: Keys, last: int) -> int:
    """Return the key whose first quote stands at a place, after key `last`; the number of keys if it is none."""
    count = len(keys.lengths)
    guess = keys.after[np.uint64(last)]
    if guess < count and is_key(text, at, keys, guess):
        return int(guess)
    for key in range(count):
        if is_key(text, at, keys, key):
            keys.after[last] = key
            return key
    return count
