"""Releases played pane by pane: compact tables of counts go into a Judge, control events come out."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from operators.release.state import ReleaseState
from operators.release.transitions import Phase
from operators.rules.canary import CanaryEvaluator
from operators.rules.canary_keys import Canary
from operators.rules.verdict import Verdict
from operators.store.rows import Rows
from operators.window.label_ages import UNDATED, encode, width
from operators.window.leaf_index import LeafSeries
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.sliding import WindowCounts
from operators.window.waiting_commands import Due
from operators.window.windows import PaneWithWindows
from operators.wire.commands import Ack, Details, Kill, Override, Pin, Release, Rollback, Silence, Unpin, Unsilence
from operators.wire.control import ControlEvent
from tests.dataflows.making import received
from tests.policies import base, sli

START = 176_000_000  # A pane number in 2025.
PANE_MS = 10_000
BASE = (
    base("region", tumbling=["1m"], sliding=[], measures=["latency_ms"])
    + sli("ok", "no_error")
    + sli("quality", "at_least", field="feedback.judge", limit=4)
)
CANARY = """
[[rule]]
name = "canary"
kind = "canary"
slis = ["ok"]
tolerance_points = 0.0
margin = 3.0
margin_points = 0.05
blip = "0s"
action = "rollback"
severity = "page"
slices = ["*", "region"]
"""
SLOWLY = CANARY.replace("margin = 3.0", "margin = 1.2").replace(
    "margin_points = 0.05", "margin_points = 0.0"
)  # To promote.
THRESHOLD = """
[[rule]]
name = "slo"
kind = "threshold"
sli = "ok"
target = 0.95
window = "1m"
action = "alert"
severity = "ticket"
"""
RELEASE = """
[release]
settle = "10s"
deadline = "5m"
cooldown = "1m"
known = "1h"
warm_up = "0s"
"""

# Good and bad requests that a version served in a pane, by version, or by version and region.
Counts = dict[str | tuple[str, str], tuple[int, int]]
# Rates of a version with some 100 requests a pane.
WELL, ILL, SMALL_WELL, SMALL_ILL = (99, 1), (60, 40), (20, 0), (12, 8)
OLD: Counts = {"v1": WELL}
GOOD_NEWS: Counts = {"v1": WELL, "v2": WELL}
BAD_NEWS: Counts = {"v1": WELL, "v2": SMALL_ILL}


def policy(rules: str = CANARY, release: str = RELEASE) -> Policy:
    return parse(BASE + rules + release)


def canary_evaluator(blip: str) -> CanaryEvaluator:
    """The evaluator of releases by rule `CANARY`, with blips of this length."""
    made = policy(CANARY.replace('blip = "0s"', f'blip = "{blip}"'))
    (rule,) = made.rules
    assert isinstance(rule, Canary)
    return CanaryEvaluator(rule, made)


@cache
def _empty(policy_text: str) -> Partial:
    """A partial with one event, whatever columns partials have."""
    event = b'{"request_id":"r","ts":1760000000000,"model":"m","version":"v","slices":{"region":"eu"}}'
    partition = Partition("log", "events", ("log",), parse(policy_text))
    return next(part for _, item in partition.take(received([event])).inputs for _, part in item.partials if part.rows)


def partial(pane: int, ok: Counts, quality: Counts | None = None, model: str = "m") -> Partial:
    """A pane's good and bad requests, and its good and bad feedback of a judge."""
    rows = [(_series(model, key), good, bad, 0) for key, (good, bad) in ok.items()]
    rows += [(_series(model, key), good, bad, 1) for key, (good, bad) in (quality or {}).items()]
    index = {series: at for at, series in enumerate(dict.fromkeys(row[0] for row in rows))}
    slis = np.zeros((len(index), 2, 3), np.int64)
    for series, good, bad, which in rows:
        slis[index[series], which, :2] += (good, bad)
    return counted(pane, list(index), slis, _labels(slis[:, 1]))


def counted(pane: int, series: Sequence[LeafSeries], slis: Ints, ages: Ints) -> Partial:
    """A pane with these counts (rows, 2, 3) of both SLIs, and these ages of labels."""
    one, count = _empty(BASE), len(series)
    requests = slis[:, 0].sum(axis=1)
    some = np.flatnonzero(requests)
    # For columns that do not matter here, each row is that of one event.
    others = {name: np.repeat(each, count, axis=0) for name, each in _columns(one) if len(each) == 1}
    columns = {
        "series": series,
        "error_types": [""],
        "which": np.arange(count),
        "pane": np.full(count, pane),
        "events": requests,
        "slis": slis,
        "ages": ages,
        "outcomes": np.column_stack((some, np.zeros(len(some), np.int64), requests[some])),
    }
    return msgspec.structs.replace(one, **(others | columns))


def _labels(counts: Ints) -> Ints:
    """Feedback without the time of its requests, from rows of good, bad and neither."""
    none = np.full(len(counts), UNDATED)
    ages = [
        (row * width(2) + place, n)
        for bad in (0, 1)
        for row, (place, n) in enumerate(zip(encode(1, none * 0 + bad, none * 0, none), counts[:, bad], strict=True))
        if n
    ]
    return np.array(sorted(ages), np.int64).reshape(-1, 2)


def _columns(part: Partial) -> list[tuple[str, Any]]:
    every = [(name, getattr(part, name)) for name in part.__struct_fields__]
    return [(name, each) for name, each in every if isinstance(each, np.ndarray)]


def _series(model: str, key: str | tuple[str, str]) -> LeafSeries:
    version, region = (key, "eu") if isinstance(key, str) else key
    return LeafSeries(model, version, (region,))


class Story:
    """Plays panes to a Judge, one after the other; `told` has all control events."""

    def __init__(self, rules: str = CANARY, release: str = RELEASE, start: int = START) -> None:
        self.policy = policy(rules, release)
        self.judge = ShardEvaluation(self.policy)
        self.start = self.next = start
        self.told: list[ControlEvent] = []
        self.verdicts: list[Verdict] = []
        self.rows: list[Rows] = []

    def play(self, ok: Counts | None = None, panes: int = 1, **more: Any) -> list[str]:
        """Play `panes` equal panes; return the control events: type, version, and for alerts the state."""
        return [short(event) for _ in range(panes) for event in self.pane(ok or {}, **more)]

    def pane(
        self,
        ok: Counts,
        quality: Counts | None = None,
        said: Sequence[Due] = (),
        windows: Sequence[WindowCounts] = (),
    ) -> list[ControlEvent]:
        part = partial(self.next, ok, quality) if ok or quality else None
        closed = Closed(pane=self.next, on_time=part, commands=tuple(said))
        judged = self.judge.push(PaneWithWindows(closed=closed, windows=tuple(windows)))
        self.next += 1
        self.verdicts += [verdict for each in judged for verdict in each.verdicts]
        self.rows += [rows for each in judged for rows in each.rows]
        events = [event for each in judged for event in each.events]
        self.told += events
        return events

    def until(self, kind: str, ok: Counts, panes: int = 400, **more: Any) -> ControlEvent:
        """Play equal panes until an event of this type comes; return it."""
        for _ in range(panes):
            for event in self.pane(ok, **more):
                if event.type == kind:
                    return event
        raise AssertionError(f"no {kind} within {panes} panes: {self!r}")

    def __repr__(self) -> str:
        """The control events, each with its number of panes: a failing test prints this."""
        told = [f"{event.ts // PANE_MS - self.start} {short(event)}" for event in self.told]
        return f"<{self.next - self.start} panes: {'; '.join(told) or 'nothing was said'}>"

    def settled(self) -> "Story":
        """Let v1 serve alone for so long that any other version is new."""
        assert self.play(OLD, panes=60) == []
        return self

    def restart(self, rules: str | None = None, release: str = RELEASE) -> None:
        """Continue as after a restart, perhaps with other rules."""
        if rules is not None:
            self.policy = policy(rules, release)
        self.judge = ShardEvaluation(
            self.policy, loads(dumps(self.judge.state, self.policy), EvaluationState, self.policy)
        )

    def release_of(self, version: str = "v2") -> ReleaseState:
        return self.judge.state.models["m"].releases[version]

    def phase(self, version: str = "v2") -> Phase:
        return self.judge.state.models["m"].phase_of(version)

    @property
    def pin(self) -> str | None:
        return self.judge.state.models["m"].writer.pin

    @property
    def now(self) -> int:
        """The end of the last pane, Unix ms."""
        return self.next * PANE_MS


def short(event: ControlEvent) -> str:
    state = f" {event.state}" if event.type in ("alert", "throttle") else ""
    return f"{event.type} {event.version} {event.rule}{state}"


def release(
    candidate: str = "v2", baseline: str = "v1", share: float | None = None, metadata: Details | None = None
) -> Release:
    return Release(
        id="c1",
        ts=0,
        model="m",
        candidate=candidate,
        baseline=baseline,
        traffic_share=share,
        metadata=metadata or {},
    )


def override(version: str = "v2", revoked: bool = False) -> Override:
    return Override(id="c2", ts=0, model="m", version=version, revoked=revoked, by="ann")


def kill(version: str = "v2") -> Kill:
    return Kill(id="c6", ts=0, model="m", version=version, by="ann")


def rollback(version: str = "v2", to: str | None = None) -> Rollback:
    return Rollback(id="c7", ts=0, model="m", version=version, to=to, by="ann")


def pin(version: str) -> Pin:
    return Pin(id="c8", ts=0, model="m", version=version, by="ann")


def unpin() -> Unpin:
    return Unpin(id="c9", ts=0, model="m", by="ann")


def silence(until_ms: int, rule: str | None = None, model: str | None = "m") -> Silence:
    return Silence(id="c3", ts=0, model=model, rule=rule, until=until_ms)


def unsilence(rule: str | None = None, model: str | None = "m") -> Unsilence:
    return Unsilence(id="c5", ts=0, model=model, rule=rule)


def ack(event: str) -> Ack:
    return Ack(id="c4", ts=0, model="m", event=event, by="bob")
