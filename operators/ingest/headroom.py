"""Items are decoded with less of the stack than there is, so that what was decoded once can be decoded again.

How deep brackets may be nested depends on how much of the interpreter's stack is left (`sys.getrecursionlimit`). An
item that was taken is decoded again from other places, some of them deeper: of one that was just not too deep that
failed, which stopped the worker, and each restart.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

LEVELS = 50  # Each takes two frames: from nowhere is an item decoded again that is deeper by so many.


_is_deep: ContextVar[bool] = ContextVar("is_deep", default=False)  # Each thread has its own.


def with_headroom(call: Callable[[], T]) -> T:
    """Return what a call returns, made from so much deeper in the stack. Some 15 us, and within another one nothing.

    >>> with_headroom(lambda: with_headroom(lambda: "made"))
    'made'
    """
    if _is_deep.get():
        return call()
    token = _is_deep.set(True)
    try:
        return _deeper(call, LEVELS)
    finally:
        _is_deep.reset(token)


def _deeper(call: Callable[[], T], levels: int) -> T:
    return next(_deeper(call, levels - 1) for _ in (0,)) if levels else call()
