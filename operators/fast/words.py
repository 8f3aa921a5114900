"""Eight bytes of text at once: to read them wherever they stand, and to find a byte in them."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from operators.fast.compiled import inlined, intrinsic

Text = NDArray[np.uint8]
WORD = 8  # Bytes.
ONES, HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
QUOTES, SLASHES, SPACES = np.uint64(0x2222222222222222), np.uint64(0x5C5C5C5C5C5C5C5C), np.uint64(0x2020202020202020)
# The first 0 .. 8 bytes of a word.
FIRST = np.array([(1 << 8 * count) - 1 for count in range(WORD)] + [2**64 - 1], np.uint64)
FOUR = np.uint64(0xFFFFFFFF)
PREFETCH, FOR_READING = "llvm.prefetch.p0", (0, 3, 1)  # To be kept in all caches; of data.


@intrinsic
def word_at(context: Any, text: Any, at: Any) -> Any:
    """Return the bytes at .. at + 7 of a text, the first the least; nobody checks that they are there."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(text, types.int64), generate


@intrinsic
def fetch_ahead(context: Any, numbers: Any, at: Any) -> Any:
    """Have the processor begin to read a place of an array, which may be behind its end; changes nothing."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        small = ir.IntType(32)
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, small, small, small])
        prefetch = builder.module.globals.get(PREFETCH) or ir.Function(builder.module, kind, PREFETCH)
        builder.call(prefetch, [place, *(ir.Constant(small, number) for number in FOR_READING)])
        return context.get_dummy_value()

    return types.none(numbers, types.int64), generate


@intrinsic
def zero_bits_below(context: Any, word: Any) -> Any:
    """Return how many bits are 0 below the lowest 1 of a word; 64 of 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@intrinsic
def zero_bits_above(context: Any, word: Any) -> Any:
    """Return how many bits are 0 above the highest 1 of a word."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@intrinsic
def upper_product(context: Any, one: Any, other: Any) -> Any:
    """Return the upper 64 of the 128 bits of a product."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        return builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), generate


@intrinsic
def double_of(context: Any, bits: Any) -> Any:
    """Return the double that has these bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


@inlined
def specials(word: np.uint64) -> np.uint64:
    """Return a word whose lowest 1 is in the first byte that is a quote, backslash, control character or no ASCII."""
    quotes, slashes = word ^ QUOTES, word ^ SLASHES
    found = ((quotes - ONES) & ~quotes) | ((slashes - ONES) & ~slashes) | ((word - SPACES) & ~word) | word
    return np.uint64(found & HIGHS)


@inlined
def tail_of(text: Text, at: int, size: int) -> np.uint64:
    """Return the first `size` bytes (at most 8) at a place as a word, the others 0."""
    return np.uint64(word_at(text, at) & FIRST[size])
