"""How functions of this room are compiled, and where the results are kept. The only file that knows Numba's API.

Compiler output is kept beside the sources, in `__pycache__`, where anybody who may change it may change the program as
well; never in a folder of the user, or one that others can write. Where that folder cannot be written it is only read.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching
from numba.extending import intrinsic as numba_intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])


class BesideSources(caching.InTreeCacheLocator):
    """Numba's cache in `__pycache__` beside a source, even if that cannot be written."""

    def ensure_cache_path(self) -> None:
        """Make the folder where it is missing; OSError."""
        Path(self._cache_path).mkdir(exist_ok=True)


_config: Any = numba.config
CHECKED = bool(_config.BOUNDSCHECK)  # Tests have every index checked.
_config.CACHE_LOCATOR_CLASSES = f"{BesideSources.__module__}.{BesideSources.__name__}"
# Kernels allocate nothing: their callers make the arrays. With `_nrt`, which allows allocation, every array passed to a
# function would be reference counted, at 25 times the cost.
_compiled: Any = partial(numba.njit, error_model="numpy", _nrt=False)


def kernel(function: Function) -> Function:
    """Compile a function that Python calls, and keep it on disk."""
    return cast(Function, _compiled(cache=True)(function))


def inlined(function: Function) -> Function:
    """Compile a function that kernels call, as a part of them."""
    return cast(Function, _compiled(forceinline=True)(function))


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function that emits its own machine instructions."""
    return cast(Callable[..., Any], numba_intrinsic(function))
