"""Items are decoded with less of the stack than there is, so that what was decoded once can be decoded again.

How deep brackets may be nested depends on how much of the interpreter's stack is left (`sys.getrecursionlimit`). An
item that was taken is decoded again from other places, some of them deeper: of one that was just not too deep that
failed, which stopped the worker, and each restart.
"""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LEVELS = 50  # Each takes two frames: from nowhere is an item decoded again that is deeper by so many.


def with_headroom(call: Callable[[], T], levels: int = LEVELS) -> T:
    """Return what a call returns, made from so much deeper in the stack. Some 15 us.

    >>> with_headroom(lambda: "made")
    'made'
    """
    return next(with_headroom(call, levels - 1) for _ in (0,)) if levels else call()
