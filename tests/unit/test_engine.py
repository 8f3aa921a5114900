"""What the engine's failures come to: what a step raised, or one sentence that says what to do."""

from datetime import timedelta
from typing import Any

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource

from flows import engine
from flows.engine import EngineFailed

DISK = (
    "(src/run.rs:167:13) called `Result::unwrap()` on an `Err` value: SqliteFailure(Error { code: DiskFull, "
    'extended_code: 13 }, Some("database or disk is full"))'
)


def failing_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(engine, "cli_main", fail)


def run() -> None:
    engine.run(Dataflow("none"), 0, (), timedelta(seconds=1), None)  # type: ignore[arg-type]  # Nothing is saved.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DISK, r"the recovery store cannot be written \(database or disk is full\): see to its disk, then start again"),
        ("(src/x.rs:1:1) Send thread panic: Any { .. }", "another process of the cluster is gone: start all of them"),
        ("(src/x.rs:1:1) something new", "the engine failed: .* something new"),
    ],
)
def test_a_panic_becomes_a_sentence(monkeypatch: pytest.MonkeyPatch, text: str, words: str) -> None:
    """The texts are those that Bytewax 0.21.1 was seen to give."""
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    for error in (RuntimeError(text), panic(text)):
        failing_with(monkeypatch, error)
        with pytest.raises(EngineFailed, match=words):
            run()


def test_what_a_step_raises_comes_out_as_it_is() -> None:
    flow = Dataflow("steps")
    numbers = op.input("in", flow, TestingSource([0]))
    op.output("out", op.map("divide", numbers, lambda number: 1 / number), TestingSink([]))
    with pytest.raises(ZeroDivisionError):
        engine.run(flow, 0, (), timedelta(seconds=1), None)  # type: ignore[arg-type]  # Nothing is saved.


def test_an_error_of_ours_is_not_taken_for_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    failing_with(monkeypatch, RuntimeError("a mistake"))
    with pytest.raises(RuntimeError, match="a mistake"):
        run()
