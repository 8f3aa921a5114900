"""librdkafka's own log as part of ours, limited to what a person reads."""

import logging
import time
from collections.abc import Callable

EVERY_S = 10.0


class KafkaLog:
    """The `logger` of librdkafka's clients. It writes one line of a kind per `EVERY_S` and counts the rest.

    A kind is a level and what librdkafka calls a facility: FAIL (a connection), CONFWARN, ... So they are few.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._kinds: dict[
            tuple[int, str], tuple[float, int]
        ] = {}  # By kind: when it was last written, and lines since then.

    def log(self, level: int, form: str, kind: str, *rest: object) -> None:
        """Librdkafka passes the form, the kind, the client's name, and the text with the thread in front."""
        now = self._clock()
        last, left_out = self._kinds.get((level, kind), (-EVERY_S, 0))
        if now - last < EVERY_S:
            self._kinds[level, kind] = last, left_out + 1
            return
        self._kinds[level, kind] = now, 0
        more = f" ({left_out} more of {kind} left out)" if left_out else ""
        # It calls each lost connection an error; our own errors come as exceptions.
        self._logger.log(min(level, logging.WARNING), "kafka: " + form + "%s", kind, *rest, more)


# Shared by all clients of the process: a broker that is down is one fact, however many partitions it has.
LOG = KafkaLog(logging.getLogger("rollguard"))
