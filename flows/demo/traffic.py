"""The requests of a simulated hour: served in order of time, and labelled some minutes later.

Up to a rollback only the measured latencies differ between runs; all else follows from the `World`. Pages are drawn
with replacement, so that an interval is about the traffic, not about pages that nobody asked about.
"""

from collections.abc import Callable, Iterator, Mapping
from heapq import heappop, heappush

import msgspec

from flows.demo.serve import BASELINE, CANDIDATE, MODEL, Classifier, pages, received
from flows.demo.world import Draws, World, draws, pick

REGIONS = {"us": 0.5, "eu": 0.25, "ap": 0.25}  # Shares of the requests.
SEGMENTS = {"free": 0.7, "pro": 0.3}
TICK_MS = 10_000  # What is served at once: one pane of the default policy.

# Called before every tick with a version and the weights without pins; returns the version's share of the traffic.
Share = Callable[[str, Mapping[str, float]], float]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the serving process sends it."""

    request_id: str
    ts: int
    model: str
    version: str
    slices: Mapping[str, str]
    latency_ms: float
    prediction: str
    score: float
    features: Mapping[str, float]


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """A label as the people who check pages send it, with the context of the request."""

    request_id: str
    ts: int
    kind: str = "label"
    value: str
    source: str = "reviewers"
    model: str
    version: str
    slices: Mapping[str, str]
    request_ts: int
    prediction: str
    score: float


class Traffic:
    """Serves the requests in order of time; labels wait until their time has come."""

    def __init__(self, world: World, share: Share = lambda version, own: own[version]) -> None:
        self.world = world
        self._share = share
        self._candidate_share = 0.0
        trained_on, self._pages = pages()
        self._model = Classifier(trained_on)
        self._number = 0  # Of the next request.
        self._labels: list[tuple[int, int, bytes]] = []  # A heap of (time, request, message).
        self.now_ms = world.start_ms

    @property
    def ended(self) -> bool:
        return self.now_ms >= self.world.end_ms

    @property
    def label_due(self) -> bool:
        return bool(self._labels) and self._labels[0][0] < self.now_ms

    @property
    def labels_outstanding(self) -> int:
        return len(self._labels)

    def serve(self) -> list[bytes]:
        """Serve the requests of the next tick and return their messages."""
        offered = self.world.candidate_share
        self._candidate_share = self._share(CANDIDATE, {BASELINE: 1.0 - offered, CANDIDATE: offered})
        self.now_ms += TICK_MS
        return list(self._until(self.now_ms))

    def labels(self) -> list[bytes]:
        """Return the labels that have come by now and were not returned yet, in order of time."""
        due = []
        while self.label_due:
            due.append(heappop(self._labels)[2])
        return due

    def _until(self, end_ms: int) -> Iterator[bytes]:
        world = self.world
        while self._number < world.requests:
            drawn = draws(world.seed, self._number)
            ts = world.start_ms + int((self._number + drawn.time) * world.length_ms / world.requests)
            if ts >= end_ms:
                return
            yield self._spoiled(self._answer(ts, drawn))
            self._number += 1

    def _answer(self, ts: int, drawn: Draws) -> bytes:
        world = self.world
        released = ts >= world.start_ms + world.release_ms
        version = CANDIDATE if released and drawn.version < self._candidate_share else BASELINE
        slices = {"region": pick(REGIONS, drawn.region), "segment": pick(SEGMENTS, drawn.segment)}
        page = self._pages[int(drawn.page * len(self._pages))]
        spoils = ts >= world.start_ms + world.defect_ms
        features = received(page.features, version, slices["region"]) if spoils else page.features
        answer = self._model.answer(features)
        event = Answered(
            request_id=f"r{self._number:06d}",
            ts=ts,
            model=MODEL,
            version=version,
            slices=slices,
            latency_ms=answer.latency_ms,
            prediction=answer.prediction,
            score=answer.score,
            features=features,
        )
        if drawn.labelled < world.labelled_share:
            delay_ms = int(world.delay_ms_min + drawn.delay * (world.delay_ms_max - world.delay_ms_min))
            self._label(event, page.label, ts + delay_ms)
        return msgspec.json.encode(event)

    def _label(self, event: Answered, value: str, ts: int) -> None:
        """Schedule the label of an answer for `ts` [Unix ms]."""
        label = Labelled(
            request_id=event.request_id,
            ts=ts,
            value=value,
            model=event.model,
            version=event.version,
            slices=event.slices,
            request_ts=event.ts,
            prediction=event.prediction,
            score=event.score,
        )
        heappush(self._labels, (label.ts, self._number, msgspec.json.encode(label)))

    def _spoiled(self, message: bytes) -> bytes:
        """Cut a few messages off, as a producer with too short a buffer does."""
        last_of_block = self._number % self.world.spoiled_every == self.world.spoiled_every - 1
        return message[: len(message) // 2] if last_of_block else message
