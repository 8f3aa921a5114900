"""Lines of text that are cut out of their blocks when they are read: only lines in use fill the caches."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import overload

import msgspec
import numpy as np

from operators.arrays import Ints, joined_columns
from operators.fast import loading

NEWLINE, BRACE, END_BRACE = b"\n{}"
BEHIND = b"\n" * 64  # Kernels read so far ahead, and leave lines with less text behind them to Python.


class TextBlock(msgspec.Struct, frozen=True):
    """A text, and where its lines start and end, (n,) each, without their line ends."""

    text: bytes
    starts: Ints
    ends: Ints


def block_of(text: bytes) -> TextBlock:
    r"""Return the whole lines of a text, without what follows its last line end.

    >>> list(Lines([block_of(b"one\n\nthree\nfour")]))
    [b'one', b'', b'three']
    """
    kernels = loading.kernels()
    ends = np.flatnonzero(np.frombuffer(text, np.uint8) == NEWLINE) if kernels is None else kernels.line_ends(text)
    return TextBlock(text, np.concatenate(([0], ends[:-1] + 1))[: len(ends)], ends)


def lines_of(before: bytes, text: bytes) -> tuple[list[TextBlock], bytes]:
    r"""Return the whole lines of two consecutive texts, and what follows the last line end.

    Only the line that has a part in both is copied.

    >>> blocks, rest = lines_of(b"o", b"ne\ntwo\nth")
    >>> list(Lines(blocks)), rest
    ([b'one', b'two'], b'th')
    """
    first = text.find(b"\n") if before else -1
    if first < 0:
        text = before + text
        found = block_of(text)
        blocks = [found]
    else:
        found = block_of(text)
        over = before + text[: first + 1 + len(BEHIND)]
        blocks = [
            TextBlock(over, np.array([0]), np.array([len(before) + first])),
            TextBlock(text, found.starts[1:], found.ends[1:]),
        ]
    rest = text[int(found.ends[-1]) + 1 :] if len(found.ends) else text
    return [block for block in blocks if len(block.ends)], rest


def one_line(text: bytes) -> TextBlock:
    """Return a text, whatever it holds, as one line."""
    return TextBlock(text, np.array([0]), np.array([len(text)]))


def block_of_texts(texts: Sequence[bytes]) -> TextBlock:
    r"""Return some texts, whatever they hold, as lines of one block.

    >>> list(Lines([block_of_texts([b"one", b"", b"t\no"])]))
    [b'one', b'', b't\no']
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ends = np.cumsum(lengths + 1) - 1
    return TextBlock(b"\n".join([*texts, BEHIND]), ends - lengths, ends)


class Lines(Sequence[bytes]):
    """The lines `start` .. `stop` - 1 of some blocks, in order."""

    def __init__(self, blocks: Sequence[TextBlock], start: int = 0, stop: int | None = None) -> None:
        self._blocks = blocks
        self._firsts = [*accumulate((len(block.ends) for block in blocks), initial=0)]
        self._range = range(start, self._firsts[-1] if stop is None else stop)

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, which: int) -> bytes: ...

    @overload
    def __getitem__(self, which: slice) -> "Lines": ...

    def __getitem__(self, which: int | slice) -> "bytes | Lines":
        """Return a line, or the lines of a slice with step 1."""
        if isinstance(which, slice):
            some = self._range[which]
            first = bisect_right(self._firsts, some.start) - 1
            before = self._firsts[first]
            blocks = self._blocks[first : bisect_left(self._firsts, some.stop)]
            return Lines(blocks, some.start - before, some.stop - before)
        line = self._range[which]
        at = bisect_right(self._firsts, line) - 1
        block, place = self._blocks[at], line - self._firsts[at]
        return block.text[int(block.starts[place]) : int(block.ends[place])]

    def pick(self, places: Ints) -> list[bytes]:
        r"""Return the lines at some rising places.

        >>> Lines([block_of(b"one\n\nthree\n"), block_of(b"four\n")], 1).pick(np.array([1, 2]))
        [b'three', b'four']
        """
        lines, picked = places + self._range.start, list[bytes]()
        edges = lines.searchsorted(self._firsts).tolist()
        for block, first, begin, end in zip(self._blocks, self._firsts, edges, edges[1:], strict=False):
            own, text = lines[begin:end] - first, block.text
            picked += [
                text[start:stop]
                for start, stop in zip(block.starts[own].tolist(), block.ends[own].tolist(), strict=True)
            ]
        return picked

    def __iter__(self) -> Iterator[bytes]:
        lines: list[bytes] = []
        for text, starts, ends in self.spans():
            lines += [text[begin:end] for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)]
        return iter(lines)

    def spans(self) -> Iterator[tuple[bytes, Ints, Ints]]:
        """Yield the places of the lines, block by block: a text, and where lines start and end in it."""
        for block, first in zip(self._blocks, self._firsts, strict=False):
            low, high = max(self._range.start - first, 0), self._range.stop - first
            if low < len(block.ends) and high > 0:
                yield block.text, block.starts[low:high], block.ends[low:high]


def lengths_of(texts: Sequence[bytes]) -> Ints:
    r"""Return the length of each text, (n,); for lines, without cutting them out.

    >>> lengths_of(Lines([block_of(b"one\n\nthree\n")])), lengths_of([b"one"])
    (array([3, 0, 5]), array([3]))
    """
    if isinstance(texts, Lines):
        return joined_columns([ends - starts for _, starts, ends in texts.spans()])
    return np.fromiter(map(len, texts), np.int64, len(texts))


def objects_of(texts: Sequence[bytes]) -> list[memoryview]:
    r"""Return one text per block whose lines hold whole JSON objects, or are not JSON; [] where that is not sure.

    Inside of an object no line that ends with a brace is followed by one that begins with one, and a string holds no
    line end: so no line holds a part of an object, if all is JSON.

    >>> [bytes(text) for text in objects_of(Lines([block_of(b'{"a":1}\n{"a":2}\n')]))]
    [b'{"a":1}\n{"a":2}']
    >>> objects_of(Lines([block_of(b'{"a":\n1}\n')])), objects_of([b'{"a":1}'])
    ([], [])
    """
    found = []
    for text, starts, ends in texts.spans() if isinstance(texts, Lines) else ():
        characters = np.frombuffer(text, np.uint8)
        if (ends <= starts).any() or (characters[starts] != BRACE).any() or (characters[ends - 1] != END_BRACE).any():
            return []
        found.append(memoryview(text)[int(starts[0]) : int(ends[-1])])
    return found
