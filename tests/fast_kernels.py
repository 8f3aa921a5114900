"""The compiled kernels for tests: made where they are not there, and turned off where results without are wanted."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from operators.fast import loading


def compiled() -> None:
    """See to it that the kernels are compiled; processes that test at the same time wait for each other."""
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
    """All tests of a file that imports this run twice."""
    compiled()
    if request.param == "without":
        with without():
            yield
    else:
        yield
