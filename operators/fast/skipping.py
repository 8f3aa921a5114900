"""Skips parts of JSON, each only if it is surely valid; otherwise its end is -1.

No function goes beyond a line end, whatever comes before it: each looks at a byte before it moves past it.
"""

import numpy as np

from operators.fast.compiled import inlined
from operators.fast.numerals import MINUS, number
from operators.fast.words import BLOCK, FOUR, Text, byte_at, rarely, special_bits, word_at, zero_bits_below

QUOTE, COMMA, COLON, SPACE, TAB, RETURN = 34, 44, 58, 32, 9, 13
OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = 123, 125, 91, 93
N, T, F = 110, 116, 102
NULL, TRUE = np.uint64(0x6C6C756E), np.uint64(0x65757274)
FALSE, FIVE = np.uint64(0x65736C6166), np.uint64(0xFFFFFFFFFF)
DEPTH_MAX = 60
ONE = np.uint64(1)


@inlined
def spaces(text: Text, at: int) -> int:
    """Return the end of white space; a line end does not count as such."""
    byte = byte_at(text, at)
    while byte <= SPACE and byte in (SPACE, TAB, RETURN):
        at += 1
        byte = byte_at(text, at)
    return at


@inlined
def text_end(text: Text, at: int) -> int:
    """Return the place of the quote that ends a text, given that of its first character; plain ASCII only."""
    found = special_bits(text, at)
    while found == 0:
        at += BLOCK
        found = special_bits(text, at)
    at += zero_bits_below(found)
    if byte_at(text, at) != QUOTE:
        rarely()
        return -1
    return at


@inlined
def text_behind(text: Text, at: int) -> int:
    """Return the place after a text, given that of its first quote."""
    if byte_at(text, at) != QUOTE:
        return -1
    end = text_end(text, at + 1)
    return -1 if end < 0 else end + 1


@inlined
def key_behind(text: Text, at: int) -> int:
    """Return where the value of the key at a place begins."""
    at = text_behind(text, at)
    if at < 0:
        return -1
    at = spaces(text, at)
    return spaces(text, at + 1) if byte_at(text, at) == COLON else -1


@inlined
def null_behind(text: Text, at: int) -> int:
    return at + 4 if (word_at(text, at) & FOUR) == NULL else -1


@inlined
def scalar_behind(text: Text, at: int) -> int:
    """Return the place after a text, number, boolean or null."""
    first = byte_at(text, at)
    if first == QUOTE:
        return int(text_behind(text, at))
    if first == N:
        return int(null_behind(text, at))
    if first == T:
        return at + 4 if (word_at(text, at) & FOUR) == TRUE else -1
    if first == F:
        return at + 5 if (word_at(text, at) & FIVE) == FALSE else -1
    end, _ = number(text, at + 1 if first == MINUS else at)
    return int(end)


@inlined
def next_value(text: Text, at: int, inside: np.uint64, depth: int) -> tuple[int, np.uint64, int]:
    """Return where the next value begins after one that ended, its depth, and what it is in; depth 0: there is none."""
    while depth > 0:
        at = spaces(text, at)
        is_object = (inside & ONE) == ONE
        if byte_at(text, at) == COMMA:
            at = spaces(text, at + 1)
            return key_behind(text, at) if is_object else at, inside, depth
        if byte_at(text, at) != (CLOSE if is_object else CLOSE_LIST):
            return -1, inside, depth
        at, inside, depth = at + 1, inside >> ONE, depth - 1
    return at, inside, depth


@inlined
def first_inside(text: Text, at: int, closing: int) -> tuple[int, bool]:
    """Return where the first value of an object or list begins, or its end if it is empty, and whether it has one."""
    at = spaces(text, at + 1)
    if byte_at(text, at) == closing:
        return at, False
    return key_behind(text, at) if closing == CLOSE else at, True


@inlined
def value_behind(text: Text, at: int) -> int:
    """Return the place after any value."""
    inside, depth = np.uint64(0), 0
    while at >= 0:
        first = byte_at(text, at)
        has_value = False
        if first in (OPEN, OPEN_LIST):
            if depth >= DEPTH_MAX:
                return -1
            inside = (inside << ONE) | (ONE if first == OPEN else np.uint64(0))
            depth += 1
            at, has_value = first_inside(text, at, CLOSE if first == OPEN else CLOSE_LIST)
        else:
            at = scalar_behind(text, at)
        if at >= 0 and not has_value:
            at, inside, depth = next_value(text, at, inside, depth)
            if depth == 0:
                return at
    return -1
