"""A thread that reads the control topic: does another worker write about our models?

Two workers with separate recovery folders over the same topics write everything twice, with revisions that do not fit
together. Nothing else notices, as each of them works well.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from flows.logs import LOGGER
from flows.plain import plain
from flows.pulse import Pulse
from operators.connectors.control.follower import From, WrittenEvent
from operators.connectors.control.topic import TopicFollower
from operators.connectors.kafka.config import KafkaConfig
from operators.connectors.kafka.errors import KafkaFailure
from operators.metrics import Metrics
from operators.release.writers import Rivals

LOOK_S = 1.0
TAIL = 10_000  # Messages of each partition from before the start, which show our models.
FORGET_S = 600.0  # After this a silent rival is no longer reported.
ABOUT = "writers"

log = logging.getLogger(LOGGER)


class WriterWatch:
    """`begun` is where each partition ended when this worker, `own`, began."""

    def __init__(
        self,
        own: str,
        begun: dict[str, int],
        pulse: Pulse,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rivals = Rivals(own)
        self._begun, self._pulse, self._metrics = begun, pulse, metrics
        self._clock = clock
        self._seen: dict[str, float] = {}  # Rivals, and when they last wrote.

    def take(self, written: WrittenEvent) -> None:
        if written.next <= self._begun.get(written.source, 0):
            self._rivals.recall(written.model, written.writer)
            return
        rival = self._rivals.take(written.model, written.writer)
        if rival is None:
            return
        self._metrics.add("rival_events", 1)
        if rival not in self._seen:
            text = f"another worker, {plain(rival)}, writes of model {plain(written.model)} to the control topic"
            log.error("%s: stop one of the two", text)
            self._pulse.note(ABOUT, text)
        self._seen[rival] = self._clock()

    def look(self) -> None:
        """Forget rivals that have been silent for long."""
        now = self._clock()
        for rival in [rival for rival, at in self._seen.items() if now - at > FORGET_S]:
            del self._seen[rival]
            if not self._seen:
                self._pulse.note(ABOUT, None)


@contextmanager
def watching(config: KafkaConfig, topic: str, own: str, pulse: Pulse, metrics: Metrics) -> Iterator[None]:
    """Watch from a thread."""
    ended = threading.Event()
    thread = threading.Thread(
        target=_run, args=(config, topic, own, pulse, metrics, ended), daemon=True, name="writers"
    )
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(LOOK_S)


def _run(config: KafkaConfig, topic: str, own: str, pulse: Pulse, metrics: Metrics, ended: threading.Event) -> None:
    try:
        begun, first = _positions(config, topic, "end"), _positions(config, topic, "beginning")
        watch = WriterWatch(own, begun, pulse, metrics)
        starts = {name: max(first.get(name, 0), at - TAIL) for name, at in begun.items()}
        with closing(TopicFollower(config, topic, "beginning", starts)) as follower:
            while not ended.is_set():
                for written in follower.read():
                    watch.take(written)
                watch.look()
                if follower.at_end:
                    ended.wait(LOOK_S)
    except KafkaFailure as error:
        # The worker itself writes there, and stops where that cannot be done.
        log.warning("the control topic is not watched any more: %s", error)


def _positions(config: KafkaConfig, topic: str, where: From) -> dict[str, int]:
    with closing(TopicFollower(config, topic, where)) as follower:
        return follower.positions
