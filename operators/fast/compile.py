"""Compiles the kernels of this room for this machine: `python -m operators.fast.compile`, as `make setup` does.

Takes some 15 s of CPU; does nothing if they are compiled already.
"""

import sys

from operators.fast import loading


def compile_kernels() -> None:
    """Compile the kernels anew; OSError where the folder cannot be written."""
    loading.CACHE.mkdir(exist_ok=True)
    for old in [*loading.CACHE.glob("*.nbi"), *loading.CACHE.glob("*.nbc"), loading.STAMP]:
        old.unlink(missing_ok=True)
    loading.kernels_module().warm_up()
    loading.STAMP.write_text(loading.machine() or "")


def main() -> int:
    """Compile where needed; the exit code: 0, 1 where the folder cannot be written, 2 without Numba."""
    if loading.machine() is None:
        sys.stderr.write("compile: Numba is not installed; it comes with the extra `fast`\n")
        return 2
    if loading.is_compiled():
        return 0
    try:
        compile_kernels()
    except OSError as error:
        sys.stderr.write(f"compile: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
