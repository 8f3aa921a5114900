"""The compiled kernels for tests: made if they are missing, and turned off for results without them."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from operators.fast import loading


def compiled() -> None:
    """Make sure that the kernels are compiled; concurrent test processes wait for each other."""
    loading.CACHE.mkdir(exist_ok=True)
    with (loading.CACHE / "compiling").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not loading.is_compiled():
            subprocess.run([sys.executable, "-m", "operators.fast.compile"], check=True)
    if loading.kernels() is None:
        loading.forget()
    assert loading.kernels() is not None


@contextmanager
def without() -> Iterator[None]:
    loading.switch(on=False)
    try:
        yield
    finally:
        loading.switch(on=True)


@pytest.fixture(scope="module")
def kernels() -> None:
    compiled()


@pytest.fixture(scope="module", params=["with kernels", "without"], autouse=True)
def both_ways(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run all tests of a file that imports this twice: with the kernels, and without."""
    compiled()
    if request.param == "without":
        with without():
            yield
    else:
        yield
