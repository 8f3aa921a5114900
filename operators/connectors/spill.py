"""Bytes on disk that are often replaced and seldom read, each in a region of one file, so that they take no memory.

The file has no name and disappears with the process, however that ends.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

LEAST = 4_096  # Bytes of the smallest region; there are four sizes per power of two.


@contextmanager
def spilling(folder: Path) -> Iterator["SpillFile"]:
    """Open a file without a name in a folder. OSError."""
    # Without a buffer: closing would retry a failed write and raise a different error.
    with TemporaryFile(dir=folder, buffering=0) as file:
        yield SpillFile(file.fileno(), folder)


class SpillFile:
    """A file in a folder, and its free regions; OSError naming the folder where it cannot be written."""

    def __init__(self, file: int, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self._end = 0
        self._free: dict[int, list[int]] = {}  # The starts of free regions, by size.

    def region(self) -> "Region":
        """Return a new region, which takes no room until it is given bytes."""
        return Region(self)

    def take(self, size: int) -> int:
        """Return the start of a free region of so many bytes."""
        if free := self._free.get(size):
            return free.pop()
        self._end += size
        return self._end - size

    def give_back(self, begin: int, size: int) -> None:
        self._free.setdefault(size, []).append(begin)

    def write(self, begin: int, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:  # A disk may have room only for the first part.
                written = os.pwrite(self._file, rest, begin)
                rest, begin = rest[written:], begin + written
        except OSError as error:
            why = f"{os.strerror(error.errno or 0)}: see to its disk, then start again"
            raise OSError(error.errno, why, str(self._folder)) from error

    def read(self, begin: int, length: int) -> bytes:
        return os.pread(self._file, length, begin)


class Region:
    """Bytes in a file, which are replaced as a whole."""

    def __init__(self, file: SpillFile) -> None:
        self._file = file
        self._begin = self._size = self._length = 0

    def keep(self, data: bytes) -> None:
        """Keep these bytes instead; the region is reused if it fits. OSError."""
        size = size_of(len(data))
        if size != self._size:
            self.drop()
            self._begin, self._size = self._file.take(size), size
        self._file.write(self._begin, data)
        self._length = len(data)

    def read(self) -> bytes:
        return self._file.read(self._begin, self._length)

    def drop(self) -> None:
        """Keep nothing, and free the region."""
        if self._size:
            self._file.give_back(self._begin, self._size)
        self._begin = self._size = self._length = 0


def size_of(length: int) -> int:
    """Return the size of a region for so many bytes.

    >>> [size_of(length) for length in (0, 1, 4_097, 100_000)]
    [4096, 4096, 8192, 114688]
    """
    step = max(LEAST, 1 << max(length.bit_length() - 3, 0))
    return max(-(-length // step), 1) * step
