"""Eight bytes of text at once: reading them at any place, and finding a byte in them."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numpy.typing import NDArray

from operators.fast.compiled import CHECKED, inlined, intrinsic

Text = NDArray[np.uint8]
WORD = 8  # Bytes.
BLOCK = 32  # Bytes that are searched at once.
# The first 0 .. 8 bytes of a word.
FIRST = np.array([(1 << 8 * count) - 1 for count in range(WORD)] + [2**64 - 1], np.uint64)
FOUR = np.uint64(0xFFFFFFFF)
PREFETCH, FOR_READING = "llvm.prefetch.p0", (0, 3, 1)  # For reading, kept in all caches, data.


@intrinsic
def word_at(context: Any, text: Any, at: Any) -> Any:
    """Return the bytes at .. at + 7 of a text, the first the lowest; without a bounds check."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        place = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(text, types.int64), generate


@inlined
def checked_byte(text: Text, at: int) -> int:
    """Return the byte at a place of a text."""
    return int(np.int64(text[at]))


@intrinsic
def unchecked_byte(context: Any, text: Any, at: Any) -> Any:
    """Return the byte at a place of a text, even before its start, as indexing would first compare with 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte = builder.load(builder.gep(array.data, [arguments[1]]))
        return builder.zext(byte, ir.IntType(64))

    return types.int64(text, types.int64), generate


byte_at = checked_byte if CHECKED else unchecked_byte


def _bits_of(builder: Any, text: Any, at: Any, marked: Any) -> Any:
    """Return a word with a bit for each of BLOCK bytes of a text that is marked, the first the lowest."""
    byte = ir.IntType(8)
    kind = ir.VectorType(byte, BLOCK)
    block = builder.load(builder.bitcast(builder.gep(text.data, [at]), kind.as_pointer()), align=1)
    bits = marked(block, lambda number: ir.Constant(kind, [ir.Constant(byte, number)] * BLOCK))
    return builder.zext(builder.bitcast(bits, ir.IntType(BLOCK)), ir.IntType(64))


@intrinsic
def special_bits(context: Any, text: Any, at: Any) -> Any:
    """Return a bit for each byte of a block that is a quote, backslash, control character or not ASCII."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def marked(block: Any, all_of: Any) -> Any:
            quote, slash = (builder.icmp_unsigned("==", block, all_of(ord(each))) for each in '"\\')
            return builder.or_(builder.or_(quote, slash), builder.icmp_signed("<", block, all_of(ord(" "))))

        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return _bits_of(builder, array, arguments[1], marked)

    return types.uint64(text, types.int64), generate


@intrinsic
def line_end_bits(context: Any, text: Any, at: Any) -> Any:
    """Return a bit for each byte of a block that is a line end."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return _bits_of(
            builder, array, arguments[1], lambda block, all_of: builder.icmp_unsigned("==", block, all_of(ord("\n")))
        )

    return types.uint64(text, types.int64), generate


@intrinsic
def fetch_ahead(context: Any, numbers: Any, at: Any) -> Any:
    """Have the processor prefetch a place of an array, which may be past its end; changes nothing."""

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
def rarely(context: Any) -> Any:
    """Mark a branch that is hardly ever taken; changes nothing.

    Otherwise the compiler would turn it into a selection between values, and the next read would wait for both; the
    processor predicts a branch. An instruction unknown to the compiler is one that it may not remove or hoist.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.asm(ir.FunctionType(ir.VoidType(), []), "", "", [], True)
        return context.get_dummy_value()

    return types.none(), generate


@intrinsic
def zero_bits_below(context: Any, word: Any) -> Any:
    """Return the number of 0 bits below the lowest 1 of a word; 64 for 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@intrinsic
def zero_bits_above(context: Any, word: Any) -> Any:
    """Return the number of 0 bits above the highest 1 of a word."""

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


@intrinsic
def bits_of(context: Any, number: Any) -> Any:
    """Return the bits of a double."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.int64(types.float64), generate


@inlined
def tail_of(text: Text, at: int, size: int) -> np.uint64:
    """Return the first `size` bytes (at most 8) at a place as a word, the others 0."""
    return np.uint64(word_at(text, at) & FIRST[np.uint64(size)])
