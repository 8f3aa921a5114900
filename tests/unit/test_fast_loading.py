"""Kernels are used where they are there for this machine; else everything goes on without, and says so once."""

import logging
from pathlib import Path

import pytest

from operators.fast import compile as compiling
from operators.fast import loading
from tests.fast_kernels import kernels

__all__ = ["kernels"]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where nothing was compiled; what is loaded already is looked for again."""
    monkeypatch.setattr(loading, "CACHE", tmp_path)
    monkeypatch.setattr(loading, "STAMP", tmp_path / "compiled")
    loading.forget()
    return tmp_path / "compiled"


@pytest.fixture(autouse=True)
def again() -> None:
    loading.forget()


def test_without_what_was_compiled_it_goes_on_and_says_so_once(
    elsewhere: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "rollguard"):
        assert loading.kernels() is None
        assert loading.kernels() is None
    assert [record.getMessage() for record in caplog.records] == [
        "the compiled kernels of the extra `fast` are not there for this machine: "
        "`python -m operators.fast.compile` makes them"
    ]


@pytest.mark.parametrize("stamp", ["", "of another machine", "\udcff"])
def test_what_was_compiled_for_another_machine_is_not_loaded(elsewhere: Path, stamp: str) -> None:
    elsewhere.write_text(stamp, errors="surrogateescape")
    assert not loading.is_compiled()
    assert loading.kernels() is None


def test_a_changed_source_counts_as_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = loading.machine()
    for source in loading.ROOM.glob("*.py"):
        (tmp_path / source.name).write_bytes(source.read_bytes())
    monkeypatch.setattr(loading, "ROOM", tmp_path)
    assert loading.machine() == before
    (tmp_path / "words.py").write_text("")
    assert loading.machine() not in (None, before)


def test_without_numba_nothing_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(loading, "machine", lambda: None)
    with caplog.at_level(logging.INFO, "rollguard"):
        assert loading.kernels() is None
    assert not caplog.records


def test_compiling_without_numba_is_wrong_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "machine", lambda: None)
    assert compiling.main() == 2
    assert capsys.readouterr().err == "compile: Numba is not installed; it comes with the extra `fast`\n"


def test_a_folder_that_cannot_be_written_is_one_line(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "CACHE", elsewhere / "file" / "cache")
    elsewhere.write_text("a file, not a folder")
    assert compiling.main() == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("kernels")
def test_what_is_compiled_is_loaded_and_nothing_is_written() -> None:
    before = {path: path.stat().st_mtime_ns for path in loading.CACHE.iterdir()}
    assert loading.is_compiled()
    assert compiling.main() == 0
    module = loading.kernels()
    assert module is not None
    kernel = module.measured_groups.__globals__["measure_groups"]
    assert sum(kernel.stats.cache_hits.values()) == 1
    assert not kernel.stats.cache_misses
    assert {path: path.stat().st_mtime_ns for path in loading.CACHE.iterdir()} == before
