"""Whether the compiled kernels are used: if installed, compiled for this machine, and not turned off.

Nothing is compiled here: a worker without compiled kernels would stall for a quarter of a minute, and compile for a
folder that it may not write. It goes on without them, and logs that once.
"""

import hashlib
import logging
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOM = Path(__file__).parent
CACHE = ROOM / "__pycache__"
STAMP = CACHE / "compiled"
MAKE = "python -m operators.fast.compile"
log = logging.getLogger("rollguard")


class Switch:
    """Whether the kernels may be used in this process: results are the same without them."""

    on = True


def forget() -> None:
    """Look for the kernels again."""
    _loaded.cache_clear()


def switch(*, on: bool) -> None:
    """Make everything that begins from now on use the kernels, or not."""
    Switch.on = on


def machine() -> str | None:
    """Return what compiled kernels are valid for: sources, compiler and processor; None without Numba."""
    try:
        packages = [version(name) for name in ("numba", "llvmlite", "numpy")]
        binding: Any = import_module("llvmlite.binding")
    except (PackageNotFoundError, ImportError):
        return None
    sources = [path.name.encode() + path.read_bytes() for path in sorted(ROOM.glob("*.py"))]
    features = binding.get_host_cpu_features().flatten()
    parts = [*packages, binding.get_host_cpu_name(), features, hashlib.sha256(b"\0".join(sources)).hexdigest()]
    return "\n".join(parts)


def is_compiled() -> bool:
    """Tell whether the compiled kernels are for these sources and this machine."""
    try:
        return STAMP.read_text() == machine()
    except (OSError, UnicodeDecodeError):
        return False


def kernels_module() -> Any:
    """Return the module of the kernels; only this loads the compiler's 100 MiB."""
    return import_module("operators.fast.kernels")


@cache
def _loaded() -> Any:
    if machine() is None:
        return None
    if not is_compiled():
        log.info("the compiled kernels of the extra `fast` are not there for this machine: `%s` makes them", MAKE)
        return None
    try:
        module = kernels_module()
        module.warm_up()
    except (ImportError, OSError, RuntimeError) as error:
        log.warning("the compiled kernels of the extra `fast` cannot be loaded: %s", error)
        return None
    return module


def kernels() -> Any:
    """Return the module of the kernels if they are to be used, else None."""
    return _loaded() if Switch.on else None
