"""User functions that score answers, each in a process of its own, which is killed if it takes too long."""

import importlib
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from operators.evaluators.case import Judged, JudgedCase, Score
from operators.evaluators.python import PythonFunction

START_S = 60.0  # For the function's imports, such as that of a model.
_SPAWN = multiprocessing.get_context("spawn")


class FunctionClient:
    """Runs the functions of some evaluators, one case of each at a time. To be closed."""

    def __init__(self, evaluators: Sequence[PythonFunction]) -> None:
        self._runners = {each.name: _Runner(each) for each in evaluators}

    def ask(self, evaluator: PythonFunction, case: JudgedCase) -> "Future[Judged]":
        """Have a case scored; a failure is the `fault` of the result."""
        return self._runners[evaluator.name].ask(case)

    def close(self) -> None:
        """End the processes and their work."""
        for runner in self._runners.values():
            runner.close()


class _Runner:
    def __init__(self, evaluator: PythonFunction) -> None:
        self._evaluator = evaluator
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=evaluator.name)
        self._process: Any = None
        self._pipe: Connection | None = None

    def ask(self, case: JudgedCase) -> "Future[Judged]":
        return self._thread.submit(self._judge, case)

    def _judge(self, case: JudgedCase) -> Judged:
        began = monotonic()
        try:
            pipe = self._pipe or self._begin()
            pipe.send({name: getattr(case, name) for name in case.__struct_fields__})
            if not pipe.poll(self._evaluator.timeout_ms / 1000):
                self._end()
                return _fault("timeout", began)
            fault, value = pipe.recv()
        except (OSError, EOFError, TimeoutError):
            self._end()
            return _fault("process_died", began)
        if fault:
            return _fault(fault, began)
        name = self._evaluator.name
        scores = () if value is None else (Score(criterion=name, value=value),)
        return Judged(scores=scores, latency_ms=(monotonic() - began) * 1000, calls=1)

    def _begin(self) -> Connection:
        ours, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=serve, args=(self._evaluator.function, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe = ours
        if not ours.poll(START_S):
            raise TimeoutError
        ours.recv()
        return ours

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None

    def close(self) -> None:
        process = self._process
        if process is not None:
            process.kill()  # So that whatever waits for it goes on at once.
        self._thread.shutdown(cancel_futures=True)
        self._end()


def _fault(fault: str, began: float) -> Judged:
    return Judged(fault=fault, latency_ms=(monotonic() - began) * 1000, calls=1)


def serve(function: str, pipe: Connection) -> None:
    """Answer cases until the pipe closes; runs in a separate process."""
    try:
        score: Callable[[dict[str, Any]], object] | None = _imported(function)
    except Exception:  # An import of user code can raise anything.
        score = None
    pipe.send(None)
    while True:
        try:
            case = pipe.recv()
        except EOFError:
            return
        pipe.send(("import_failed", None) if score is None else _scored(score, case))


def _imported(function: str) -> Callable[[dict[str, Any]], object]:
    module, _, name = function.partition(":")
    found: Callable[[dict[str, Any]], object] = getattr(importlib.import_module(module), name)
    return found


def _scored(score: Callable[[dict[str, Any]], object], case: dict[str, Any]) -> tuple[str, float | bool | None]:
    try:
        value = score(case)
    except Exception:  # User code must not stop the process.
        return "evaluator_failed", None
    if value is None or isinstance(value, bool):
        return "", value
    if isinstance(value, int | float) and abs(value) <= 1e12:  # Not so for NaN.
        return "", float(value)
    return "unusable_answer", None
