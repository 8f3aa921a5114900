"""Sends a producer's events and feedback to rollguard, and never delays the request that they are about.

    with Reporter(KafkaOutlet("kafka:9092")) as reporter:
        with reporter.request("checkout", "v2", user_id="u-7", slices={"region": "eu"}) as report:
            answer = model(...)
            report.tokens(input=512, output=80)
        reporter.feedback(report.request_id, "thumbs", 1)

A call only puts the item into a queue, which a thread empties; when the queue is full the item is dropped and counted.
No failure here is raised where requests are served. Cost: some 5 us an event on the caller's side. Servers that fork
make a reporter in each process (gunicorn: `post_fork`).
"""

import logging
import os
import threading
import time
from collections import Counter
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Any, Unpack
from weakref import ref

from gateway.as_json import as_json
from gateway.outlets import Outlet, Stream
from gateway.report import Fields, Report

QUEUE_MAX = 10_000  # Items: some seconds of a busy service, and some 10 MB.
BATCH_MAX = 100  # Items in a message: more would gain little.
LINGER_S = 0.2  # How long an item waits for others of its message.
CLOSE_S = 5.0
COMPLAIN_S = 60.0  # Between two warnings in the log.

log = logging.getLogger("rollguard")


class Reporter:
    """Any number of threads may use it. `counts` says how many items were `sent`, `dropped` and `lost`.

    Sent: the outlet took them; dropped: the queue was full, or they cannot be JSON; lost: the outlet could not take
    them, or not deliver them in the end.
    """

    def __init__(self, outlet: Outlet, *, queue_max: int = QUEUE_MAX, linger_s: float = LINGER_S) -> None:
        self._outlet, self._linger_s = outlet, linger_s
        self._queue: Queue[tuple[Stream, dict[str, Any]]] = Queue(queue_max)
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._complained = float("-inf")
        self._closing = threading.Event()
        self._forked = False
        here = ref(self)
        os.register_at_fork(after_in_child=lambda: _fork(here()))
        self._thread = threading.Thread(target=self._run, name="rollguard-reporter", daemon=True)
        self._thread.start()

    def fork(self) -> None:
        """Note that this is a forked process, which has neither the thread nor a client."""
        self._forked, self._lock = True, threading.Lock()  # The old lock may have been held at the fork.

    @property
    def counts(self) -> dict[str, int]:
        with self._lock:
            return {name: self._counts[name] for name in ("sent", "dropped", "lost")}

    def request(self, model: str, version: str, request_id: str | None = None, **fields: Unpack[Fields]) -> Report:
        """Return the report of a request that begins now; without a `request_id` it makes one."""
        report = Report(model, version, request_id, lambda item: self._put("events", item))
        report.fields.update(fields)
        return report

    def feedback(self, request_id: str, kind: str, value: float | str | None = None, **fields: Any) -> None:
        """Report what was learned about a request; for further fields see `Feedback` in `operators/wire/events.py`.

        Without `model` and `version` it belongs in the topic that `rollguard enrich` reads, which is the default.
        """
        item = {"request_id": request_id, "ts": time.time_ns() // 1_000_000, "kind": kind, "value": value}
        self._put("feedback", {**item, **fields})

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Write what is in the queue, for at most `timeout_s`; later items are dropped."""
        if self._forked:
            return
        deadline = time.monotonic() + timeout_s
        self._closing.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            self._note("lost", self._queue.qsize(), "the outlet did not take all in time")
            return
        try:
            self._note("lost", self._outlet.close(max(0.0, deadline - time.monotonic())), "not delivered in time")
        except Exception as error:  # As `_write`.
            self._complain(f"closing: {error}")

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, stream: Stream, item: dict[str, Any]) -> None:
        if self._forked:
            self._note("dropped", 1, "the reporter was made before a fork: make one in each process")
            return
        try:
            if self._closing.is_set():
                raise Full
            self._queue.put_nowait((stream, item))
        except Full:
            self._note("dropped", 1, "the queue is full, or closed")

    def _run(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            for stream, items in self._batch().items():
                self._write(stream, items)

    def _batch(self) -> dict[Stream, list[bytes]]:
        """Wait for an item, then a moment for others; return them as JSON."""
        found: dict[Stream, list[bytes]] = {"events": [], "feedback": []}
        until = time.monotonic() + self._linger_s
        while max(map(len, found.values())) < BATCH_MAX:
            wait_s = 0.0 if self._closing.is_set() else until - time.monotonic()
            try:
                stream, item = self._queue.get(block=wait_s > 0, timeout=max(wait_s, 0.001))
            except Empty:
                break
            try:
                found[stream].append(as_json(item))
            except Exception as error:  # A caller may have passed anything, and its request must not suffer for it.
                self._note("dropped", 1, f"no JSON: {error}")
        return found

    def _write(self, stream: Stream, items: list[bytes]) -> None:
        try:
            if items:
                self._outlet.write(stream, items)
                self._note("sent", len(items))
            self._note("lost", self._outlet.poll(), "not delivered")
        except Exception as error:  # An outlet may raise anything: these items are lost, and the next are tried.
            self._note("lost", len(items), str(error) or type(error).__name__)

    def _note(self, what: str, count: int, why: str = "") -> None:
        if count:
            with self._lock:
                self._counts[what] += count
            if why:
                self._complain(f"{what}: {why}")

    def _complain(self, why: str) -> None:
        with self._lock:
            now = time.monotonic()
            quiet = now - self._complained < COMPLAIN_S
            self._complained = self._complained if quiet else now
        if not quiet:
            log.warning("rollguard's reporter: items %s", why)


def _fork(reporter: Reporter | None) -> None:
    if reporter is not None:
        reporter.fork()
