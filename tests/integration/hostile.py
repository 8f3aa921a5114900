"""A producer with the worst of intentions, and one beside it that sends what clean models serve and counts it."""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import msgspec
from confluent_kafka import Producer

from operators.wire.control import ControlEvent
from operators.wire.sealing import SealingKey, seal
from tests.control_samples import event as control_event
from tests.unit.mutating import mutant

TICK_S = 0.1
PARTITIONS = 4
MESSAGE_BYTES = 950_000
DAY_MS = 86_400_000
COPIED_FROM = 5_000  # Of the last messages of clean models: those of a quarter of a minute.


# What is sent, and to which partition where that matters.
Kind = Callable[[], bytes | tuple[int, bytes] | None]


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    events: str
    feedback: str
    commands: str
    control: str


def producer(servers: str) -> Producer:
    return Producer({"bootstrap.servers": servers, "message.max.bytes": 1_000_000, "enable.idempotence": True})


class Clean:
    """Models at `per_second` requests each, a fifth of them to candidate v2, which fails from an onset on.

    Which request fails is fixed, so that two models differ in nothing but what happens beside them.
    """

    def __init__(self, servers: str, topic: str, per_second: int) -> None:
        self._producer = producer(servers)
        self._topic = topic
        self._per_tick = int(per_second * TICK_S)
        self._sent: Counter[tuple[str, str]] = Counter()
        self.onset_ms: dict[str, float] = {}
        self.counts: Counter[tuple[str, str, str]] = Counter()  # By model, version, "good" or "bad".
        # The last messages and their partitions, for whoever sends them again.
        self.last: deque[tuple[int, bytes]] = deque(maxlen=COPIED_FROM)

    def serve(self, model: str, onset_ms: float) -> None:
        self.onset_ms[model] = onset_ms

    def stop(self, model: str) -> None:
        """Serve no more of a model."""
        self.onset_ms.pop(model, None)

    def tick(self) -> None:
        now = time.time()
        for model in list(self.onset_ms):
            for index in range(self._per_tick):
                self._send(model, "v2" if index % 5 == 4 else "v1", int(now * 1000))
        self._producer.poll(0)
        time.sleep(max(0.0, TICK_S - (time.time() - now)))

    def flush(self) -> None:
        assert self._producer.flush(300) == 0

    def _send(self, model: str, version: str, ts: int) -> None:
        number = self._sent[model, version] = self._sent[model, version] + 1
        failing = 4 if version == "v2" and ts >= self.onset_ms[model] else 50
        bad = number % failing == 0
        body = {
            "request_id": f"{model}-{version}-{number}",
            "ts": ts,
            "model": model,
            "version": version,
            "slices": {"region": ("eu", "us")[number % 2], "segment": "pro"},
            "error_type": "500" if bad else None,
            "latency_ms": 100.0,
        }
        message = json.dumps(body).encode()
        partition = number % PARTITIONS
        self._producer.produce(self._topic, message, partition=partition)
        self.counts[model, version, "bad" if bad else "good"] += 1
        self.last.append((partition, message))


class Hostile(threading.Thread):
    """Sends every kind of harm in turn, `per_second` messages, into all partitions, until it is told to stop."""

    def __init__(self, servers: str, topics: Topics, clean: Clean, target: str, per_second: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._producer = producer(servers)
        self._topics = topics
        self._clean = clean
        self.target = target  # The model that it would like to blind the guard for.
        self._per_second = per_second
        self._random = Random(seed)
        self._ended = threading.Event()
        self._number = 0
        self.sent: Counter[str] = Counter()
        self.copies = 0  # Of events of clean models.
        self.bytes = 0
        self.fault: BaseException | None = None

    def run(self) -> None:
        kinds: Sequence[Kind] = (
            self._junk, self._fuzz, self._reserved, self._clock, self._model, self._version,
            self._fuzz, self._model, self._version, self._slices, self._command, self._forged, self._copy,
        )  # fmt: skip
        try:
            while not self._ended.is_set():
                began = time.monotonic()
                for _ in range(int(self._per_second * TICK_S)):
                    self._number += 1
                    # One message in five hundred is as large as a broker takes.
                    kind = self._array if self._number % 500 == 0 else kinds[self._number % len(kinds)]
                    self._produce(kind)
                self._producer.poll(0)
                self._ended.wait(max(0.0, TICK_S - (time.monotonic() - began)))
            self._producer.flush(300)
        except BaseException as error:  # Told by the test, in its own thread.
            self.fault = error

    def stop(self) -> None:
        self._ended.set()
        self.join(600)
        if self.fault is not None:
            raise self.fault
        assert not self.is_alive()

    def _produce(self, kind: Kind) -> None:
        topic, partition = self._topics.events, self._random.randrange(PARTITIONS)
        value = kind()
        if isinstance(value, tuple):
            partition, value = value
        elif kind == self._command:
            topic, partition = self._topics.commands, 0
        elif kind == self._forged:
            topic, partition = self._topics.control, 0
        elif self._random.random() < 0.2:
            topic = self._topics.feedback
        self._producer.produce(topic, value, partition=partition)
        self.sent[kind.__name__.strip("_")] += 1
        self.bytes += len(value or b"")

    def _event(self, **fields: Any) -> bytes:
        number = self._number
        body = {"request_id": f"h-{number}", "ts": int(time.time() * 1000), "model": "hostile", "version": "v1"}
        more = {"error_type": "500", "kind": "label", "value": 1, "prediction": 0}
        return json.dumps(body | more | fields).encode()

    def _junk(self) -> bytes | None:
        """Also no value at all, as a topic that is compacted has."""
        return self._random.choice(
            [
                None,
                b"",
                b"{",
                b"\x00" * 100,
                b"\xff\xfe",
                b"[" * 50_000,
                b"[]",
                b"{}",
                b"1" * 5_000,
                b'"' + b"x" * 9_999,
            ]
        )

    def _fuzz(self) -> bytes:
        """Mutated events of this time: as they stand they would be too old."""
        return mutant(self._random)[0].replace(b"17600000", str(int(time.time() * 1000))[:8].encode())

    def _copy(self) -> tuple[int, bytes] | None:
        """What a clean model sent, once more or many times in one message, for the partition where it was."""
        if not self._clean.last:
            return None
        partition, message = self._random.choice(self._clean.last)
        times = self._random.choice([1, 1, 1, 5, 20])
        self.copies += times
        return partition, message if times == 1 else b"[" + b",".join([message] * times) + b"]"

    def _reserved(self) -> bytes:
        name = self._random.choice(["*", "__other__", "\x1b[2J", "a,b=c\\", "\u2028", "x" * 128, "\x00"])
        where = self._random.choice(["model", "version", "both"])
        fields = {"model": name} if where != "version" else {"model": self.target}
        return self._event(**fields, **({"version": name} if where != "model" else {}), slices={"region": name})

    def _clock(self) -> bytes:
        """Of another model: of the clean one it would be an event more."""
        now = int(time.time() * 1000)
        ahead = self._random.choice([4_000, 60_000, 290_000, 3_600_000, 30 * DAY_MS, -3_600_000, -2 * DAY_MS, -now])
        return self._event(ts=now + ahead)

    def _model(self) -> bytes:
        return self._event(model=f"made-up-{self._random.randrange(100_000)}")

    def _version(self) -> bytes:
        """A version of the clean model that never was: so many would drown its candidate."""
        return self._event(model=self.target, version=f"v{self._random.getrandbits(40)}", error_type=None)

    def _slices(self) -> bytes:
        slices = {name: f"{self._random.getrandbits(30)}" for name in ("region", "segment", "other")}
        return self._event(model="hostile", slices=slices)

    def _array(self) -> bytes:
        item = self._random.choice([b"1", b'{"a":1}', self._event(ts="never"), self._event(model="")])
        return b"[" + b",".join([item] * (MESSAGE_BYTES // (len(item) + 1))) + b"]"

    def _command(self) -> bytes:
        """None of them is signed; now and then one is huge."""
        kind = self._random.choice(["release", "override", "silence", "ack", "obey"])
        body: dict[str, Any] = {"type": kind, "id": f"h-{self._number}", "ts": int(time.time() * 1000)}
        body |= {"model": self.target, "version": "v2", "candidate": "v9", "baseline": "v2", "event": "none"}
        if self._random.random() < 0.05:
            body["model"] = "x" * 600_000
        elif self._random.random() < 0.05:
            body["metadata"] = {"candidate": {f"n{number}": "y" * 100 for number in range(7_000)}}
        elif self._random.random() < 0.2:
            body["model"] = f"made-up-{self._number}"
        return json.dumps(body).encode()

    def _forged(self) -> bytes:
        """A control event that would blind gateways, unsigned or signed by another."""
        revision = self._random.choice([2**63 - 1, int(time.time() * 1000) + 900_000])
        said: ControlEvent = control_event(revision, "v2", model=self.target, ts=int(time.time() * 1000))
        return seal(said, self._random.choice([None, SealingKey("control", "not the secret of it")]))
