"""Where a reporter writes: files that `rollguard replay` can read, or topics of Kafka."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal, Protocol

Stream = Literal["events", "feedback"]
TOPICS: dict[Stream, str] = {"events": "inference.events", "feedback": "inference.feedback.raw"}


class Outlet(Protocol):
    """Called by one thread. If it raises, the items that it was given are lost and counted."""

    def write(self, stream: Stream, items: Sequence[bytes]) -> None:
        """Take some items, each one JSON object."""

    def poll(self) -> int:
        """Return how many items were found to be lost since the last call."""

    def close(self, timeout_s: float) -> int:
        """Write all that was taken, for at most `timeout_s`; return how many items were lost."""


class FileOutlet:
    """Appends to `events.ndjson` and `feedback.ndjson` in a folder: one object a line."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Stream, IO[bytes]] = {}

    def write(self, stream: Stream, items: Sequence[bytes]) -> None:
        if stream not in self._files:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._files[stream] = (self._folder / f"{stream}.ndjson").open("ab")
        self._files[stream].write(b"".join(item + b"\n" for item in items))
        self._files[stream].flush()

    def poll(self) -> int:
        return 0

    def close(self, timeout_s: float) -> int:
        for file in self._files.values():
            file.close()
        return 0


class KafkaOutlet:
    """Sends messages of several items each, as an array; needs extra `kafka`.

    Idempotent: the brokers store a message that is sent again only once. `settings` are librdkafka's, such as SASL's.
    """

    def __init__(
        self,
        servers: str,
        topics: Mapping[Stream, str] = TOPICS,
        settings: Mapping[str, str | int | bool] | None = None,
    ) -> None:
        from confluent_kafka import Producer  # noqa: PLC0415  # A gateway that writes files has no such client.

        defaults: dict[str, str | int | bool] = {"client.id": "rollguard-reporter", "compression.type": "lz4"}
        needed: dict[str, str | int | bool] = {"bootstrap.servers": servers, "acks": "all", "enable.idempotence": True}
        self._producer = Producer({**defaults, **(settings or {}), **needed})
        self._topics = dict(topics)
        self._lost = 0

    def write(self, stream: Stream, items: Sequence[bytes]) -> None:
        count = len(items)

        def delivered(error: Any, message: Any) -> None:
            self._lost += count if error is not None else 0

        self._producer.produce(self._topics[stream], b"[" + b",".join(items) + b"]", on_delivery=delivered)

    def poll(self) -> int:
        self._producer.poll(0)
        lost, self._lost = self._lost, 0
        return lost

    def close(self, timeout_s: float) -> int:
        self._producer.flush(timeout_s)
        self._producer.purge()
        self._producer.poll(0)
        return self.poll()
