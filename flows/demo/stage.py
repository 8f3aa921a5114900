"""The traffic as inputs of the monitor: read live, in step with a clock that runs faster, and kept as files."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from flows.demo.folder import EVENTS, FEEDBACK
from flows.demo.traffic import Traffic
from operators.ingest.messages import Messages
from operators.sources.input import Input


class _Reader:
    """Hands on what `following` returns, and keeps it as lines of a file."""

    at_end = True  # Each read returns all there is, so that nothing waits for labels that do not exist yet.

    def __init__(self, path: Path, following: Callable[[], list[bytes] | None]) -> None:
        self._file = path.open("wb", buffering=0)
        self._following = following
        self._position = 1  # The number of the next line, as if the file were read.

    @property
    def position(self) -> int:
        return self._position

    def read(self) -> Messages | None:
        lines = self._following()
        if lines is None:
            return None
        if lines:
            self._file.write(b"\n".join(lines) + b"\n")
        first, self._position = self._position, self._position + len(lines)
        received_ms = np.full(len(lines), int(time.time() * 1000))
        return Messages(values=lines, positions=range(first, self._position), received_ms=received_ms)

    def recheck(self) -> None: ...

    def close(self) -> None:
        self._file.close()


class Stage:
    """The traffic as two inputs of the monitor; all of it takes `seconds` of wall time, or longer if it must."""

    def __init__(self, traffic: Traffic, seconds: float) -> None:
        self._traffic = traffic
        self._pace = seconds / traffic.world.length_ms  # Wall seconds per simulated millisecond.
        self._began: float | None = None

    def inputs(self, data: Path) -> list[Input]:
        events, feedback = data / EVENTS, data / FEEDBACK
        return [
            Input(name=str(events), stream="events", open=lambda _: _Reader(events, self._events)),
            Input(name=str(feedback), stream="feedback", open=lambda _: _Reader(feedback, self._labels)),
        ]

    def _events(self) -> list[bytes] | None:
        """Serve a tick, and more of them while no label is due: events may not run ahead of a silent input."""
        if self._traffic.ended:
            return None
        messages: list[bytes] = []
        while not self._traffic.ended:
            messages += self._traffic.serve()
            self._wait()
            if self._traffic.label_due:
                break
        return messages

    def _labels(self) -> list[bytes] | None:
        labels = self._traffic.labels()
        return None if not labels and self._traffic.ended else labels

    def _wait(self) -> None:
        """Sleep until the simulated time has come; the worker has nothing else to do meanwhile."""
        if self._began is None:
            self._began = time.monotonic()
        passed_ms = self._traffic.now_ms - self._traffic.world.start_ms
        time.sleep(max(0.0, self._began + passed_ms * self._pace - time.monotonic()))
