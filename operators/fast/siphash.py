"""SipHash-1-3 as CPython has it for texts: `hash(text)` of an ASCII text, by the key of this process.

Source: J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF" (2012), and CPython's Python/pyhash.c.
"""

import ctypes
import sys

import numpy as np

from operators.fast.compiled import inlined
from operators.fast.words import WORD, Text, tail_of, word_at

State = tuple[np.uint64, np.uint64, np.uint64, np.uint64]

V0, V1 = np.uint64(0x736F6D6570736575), np.uint64(0x646F72616E646F6D)
V2, V3 = np.uint64(0x6C7967656E657261), np.uint64(0x7465646279746573)
END, BITS = np.uint64(0xFF), np.uint64(64)
LENGTH_SHIFT = np.uint64(56)


def hash_key() -> tuple[np.uint64, np.uint64] | None:
    """Return the key of this process for hashes of texts; None where Python uses another hash."""
    if sys.hash_info.algorithm != "siphash13" or sys.hash_info.cutoff:
        return None
    secret = (ctypes.c_uint64 * 2).in_dll(ctypes.pythonapi, "_Py_HashSecret")
    return np.uint64(secret[0]), np.uint64(secret[1])


@inlined
def rotated(word: np.uint64, bits: int) -> np.uint64:
    return np.uint64((word << np.uint64(bits)) | (word >> (BITS - np.uint64(bits))))


@inlined
def half_round(a: np.uint64, b: np.uint64, c: np.uint64, d: np.uint64, first: int, second: int) -> State:
    a, c = a + b, c + d
    b, d = rotated(b, first) ^ a, rotated(d, second) ^ c
    return rotated(a, 32), b, c, d


@inlined
def full_round(v0: np.uint64, v1: np.uint64, v2: np.uint64, v3: np.uint64) -> State:
    v0, v1, v2, v3 = half_round(v0, v1, v2, v3, 13, 16)
    v2, v1, v0, v3 = half_round(v2, v1, v0, v3, 17, 21)
    return v0, v1, v2, v3


@inlined
def text_hash(text: Text, at: int, size: int, key: tuple[np.uint64, np.uint64]) -> int:
    """Return Python's hash of the ASCII text of `size` > 0 bytes at a place."""
    v0, v1, v2, v3 = key[0] ^ V0, key[1] ^ V1, key[0] ^ V2, key[1] ^ V3
    last = at + size - size % WORD
    length = np.uint64(size) << LENGTH_SHIFT
    while at < last:
        word = word_at(text, at)
        v0, v1, v2, v3 = full_round(v0, v1, v2, v3 ^ word)
        v0 ^= word
        at += WORD
    word = length | tail_of(text, at, size % WORD)
    v0, v1, v2, v3 = full_round(v0, v1, v2, v3 ^ word)
    v0, v2 = v0 ^ word, v2 ^ END
    for _ in range(3):
        v0, v1, v2, v3 = full_round(v0, v1, v2, v3)
    found = np.int64(v0 ^ v1 ^ v2 ^ v3)
    return int(found) if found != -1 else -2
