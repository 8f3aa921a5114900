"""Parts of JSON that are passed over, each only where it is surely valid; -1 stands for an end where it is not.

No function goes beyond a line end, whatever stands before it: each looks at a byte before it goes on behind it.
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
    """Return where white space ends; a line end is none here."""
    byte = byte_at(text, at)
    while byte <= SPACE and byte in (SPACE, TAB, RETURN):
        at += 1
        byte = byte_at(text, at)
    return at


@inlined
def text_end(text: Text, at: int) -> int:
    """Return where the quote stands that ends a text, whose first character is at a place: plain ASCII alone."""
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
    """Return what is behind a text from its first quote on."""
    if byte_at(text, at) != QUOTE:
        return -1
    end = text_end(text, at + 1)
    return -1 if end < 0 else end + 1


@inlined
def key_behind(text: Text, at: int) -> int:
    """Return where the value of a key begins that begins at a place."""
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
    """Return what is behind a text, number, boolean or null."""
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
    """Return where the next value begins behind one that ended, how deep that is, and within what; depth 0: nowhere."""
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
    """Return where the first value of an object or list begins, and whether it has one; else where it ends."""
    at = spaces(text, at + 1)
    if byte_at(text, at) == closing:
        return at, False
    return key_behind(text, at) if closing == CLOSE else at, True


@inlined
def value_behind(text: Text, at: int) -> int:
    """Return what is behind any value."""
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
