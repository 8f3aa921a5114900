"""Following the control topic in the background, for as long as a gateway runs."""

import logging
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Protocol


class Message(Protocol):
    @property
    def body(self) -> bytes: ...


class Source(Protocol):
    """What is read: `operators/connectors/` has one of the Kafka topic and one of a file."""

    @property
    def at_end(self) -> bool:
        """Whether everything available has been read."""

    def read(self) -> Sequence[Message]:
        """Return new messages, often none, without waiting long."""

    def close(self) -> None: ...


class Following:
    """A thread that gives every message of a source to `take`; it opens the source, and again after a failure.

    So `take` gets messages again after a failure. `notify` is called with None when everything available has been read
    after a start or a failure, and with the error when a failure begins. Only the thread calls the two.
    """

    def __init__(
        self,
        open_source: Callable[[], Source],
        take: Callable[[bytes], object],
        notify: Callable[[Exception | None], object],
        pause_s: float = 1.0,
    ) -> None:
        self._open, self._take, self._notify, self._pause_s = open_source, take, notify, pause_s
        self._stopped = Event()
        self._well = False
        self._thread = Thread(target=self._run, name="rollguard-control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; return when it has ended."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        failed = False
        while not self._stopped.is_set():
            try:
                self._follow()
            except Exception as error:  # Any source may fail in its own way; what was read before still holds.
                if self._well or not failed:
                    logging.getLogger("rollguard").warning("control events cannot be followed: %s", error)
                    self._notify(error)
                self._well, failed = False, True
                self._stopped.wait(self._pause_s)

    def _follow(self) -> None:
        source = self._open()
        try:
            while not self._stopped.is_set():
                messages = source.read()
                for message in messages:
                    self._take(message.body)
                if source.at_end and not self._well:
                    self._well = True
                    self._notify(None)
                if not messages and source.at_end:
                    self._stopped.wait(self._pause_s)
        finally:
            source.close()
