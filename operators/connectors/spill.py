"""Bytes on disk that are replaced again and again, each in a region of one file: what is seldom read takes no memory.

The file has no name and is gone with the process, however that ends.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

LEAST = 4_096  # Bytes of a region; there are four sizes between each two powers of two.


@contextmanager
def spilling(folder: Path) -> Iterator["SpillFile"]:
    """Have a file without a name in a folder. OSError."""
    # Without a buffer: what could not be written would be tried again when it closes, in other words.
    with TemporaryFile(dir=folder, buffering=0) as file:
        yield SpillFile(file.fileno(), folder)


class SpillFile:
    """A file of a folder, and which regions of it are free; OSError with the folder where it cannot be written."""

    def __init__(self, file: int, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._end = 0
        self._free: dict[int, list[int]] = {}  # Where regions begin, by their size.

    def region(self) -> "Region":
        """Return what keeps some bytes here; it has no room of its own before it is given some."""
        return Region(self)

    def take(self, size: int) -> int:
        """Return where a region of so many bytes begins that is nobody's."""
        if free := self._free.get(size):
            return free.pop()
        self._end += size
        return self._end - size

    def give_back(self, begin: int, size: int) -> None:
        self._free.setdefault(size, []).append(begin)

    def write(self, begin: int, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:  # A disk may have room for the first part alone.
                written = os.pwrite(self._file, rest, begin)
                rest, begin = rest[written:], begin + written
        except OSError as error:
            why = f"{os.strerror(error.errno or 0)}: see to its disk, then start again"
            raise OSError(error.errno, why, str(self._folder)) from error

    def read(self, begin: int, length: int) -> bytes:
        return os.pread(self._file, length, begin)


class Region:
    """Some bytes of a file, which are replaced as a whole."""

    def __init__(self, file: SpillFile) -> None:
        self._file = file
        self._begin = self._size = self._length = 0

    def keep(self, data: bytes) -> None:
        """Keep these instead; a region that fits as well is used again. OSError."""
        size = size_of(len(data))
        if size != self._size:
            self.drop()
            self._begin, self._size = self._file.take(size), size
        self._file.write(self._begin, data)
        self._length = len(data)

    def read(self) -> bytes:
        return self._file.read(self._begin, self._length)

    def drop(self) -> None:
        """Keep nothing: the region is others' to use."""
        if self._size:
            self._file.give_back(self._begin, self._size)
        self._begin = self._size = self._length = 0


def size_of(length: int) -> int:
    """Return how large a region for so many bytes is.

    >>> [size_of(length) for length in (0, 1, 4_097, 100_000)]
    [4096, 4096, 8192, 114688]
    """
    step = max(LEAST, 1 << max(length.bit_length() - 3, 0))
    return max(-(-length // step), 1) * step
