"""A thread that asks the brokers about our topics: do they answer, is a topic missing, was one made again?

To a reader, a silent partition looks like an absent broker; and messages of a topic that was deleted and made again
have the same offsets as the old ones.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from flows.pulse import Pulse
from operators.connectors.kafka.topics import Described
from operators.connectors.replaced import LogReplaced, made_again
from operators.connectors.stop import Stop

LOOKS = 3  # Looks within the time after which a worker without an answer is not ready.
LEADERLESS_LOOKS = 3  # An election takes a moment.


class TopicWatch:
    """`ids` are those of the topics read, as they were at the start."""

    def __init__(
        self, describe: Callable[[], Described | None], ids: Mapping[str, str], pulse: Pulse, stop: Stop
    ) -> None:
        self._describe, self._ids = describe, ids
        self._pulse, self._stop = pulse, stop
        self._leaderless: dict[str, int] = {}  # The number of looks in a row.

    def look(self) -> None:
        found = self._describe()
        if found is None:
            return
        self._pulse.beat("broker")
        self._pulse.fault("missing", f"Kafka has no topic {', '.join(found.missing)}" if found.missing else None)
        self._leaderless = {name: self._leaderless.get(name, 0) + 1 for name in found.leaderless}
        stuck = [name for name, looks in self._leaderless.items() if looks >= LEADERLESS_LOOKS]
        self._pulse.fault("leaders", f"no broker leads {', '.join(stuck)}" if stuck else None)
        replaced = replaced_topic(self._ids, found.ids)
        if replaced is not None:
            self._stop.fail(replaced)


def replaced_topic(before: Mapping[str, str], now: Mapping[str, str]) -> LogReplaced | None:
    """Return the failure if a topic's id has changed. Old brokers and stores have no ids."""
    for name, id_ in before.items():
        if id_ and now.get(name, id_) not in ("", id_):
            return made_again(name, id_, now[name])
    return None


@contextmanager
def watching(watch: TopicWatch, ready_s: float) -> Iterator[None]:
    """Look from a thread, `LOOKS` times in `ready_s`."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(ready_s / LOOKS):
            watch.look()

    thread = threading.Thread(target=run, daemon=True, name="topics")
    thread.start()
    try:
        yield
    finally:
        ended.set()  # A look under way ends by its own time-out, or with the process.
