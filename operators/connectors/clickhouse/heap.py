"""Returns freed memory to the system.

The C library keeps free memory that lies below anything still in use: after some hundred thousand rows were converted
and sent, that was half of its heap (340 of 380 MB at the end of a replay of 100,000 models).
"""

import ctypes
from collections.abc import Callable
from functools import cache


def return_memory() -> None:
    """Return whole free pages, where the C library can (glibc); some 10 ms for a heap of some hundred MB."""
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    library = ctypes.CDLL(None)
    return library.malloc_trim if hasattr(library, "malloc_trim") else lambda _: None
