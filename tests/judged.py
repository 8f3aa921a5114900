"""Panes for rules to judge, made from numbers: one slot per series, one SLI."""

from collections.abc import Mapping, Sequence

import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy.tiers import Tier
from operators.policy_file.toml import parse
from operators.rules.burn_rate_keys import BurnRate
from operators.rules.pane_counts import PaneCounts
from operators.rules.verdict import Evaluator, Verdict
from operators.window.series_index import SliceSeries, described
from operators.window.sliding import WindowCounts
from operators.wire.control import Severity
from tests.policies import base, sli

M, H, D = 60_000, 3_600_000, 86_400_000  # In ms.

POLICY = (
    base(
        "region",
        "segment",
        crosses=[["region", "segment"]],
        tumbling=["1m"],
        sliding=[("5m", "10s"), ("1h", "1m")],
        measures=["latency_ms", "cost_usd", "input_tokens"],
    )
    + sli("ok", "no_error")
    + sli("fast", "at_most", field="latency_ms", limit=2000)
)


def policy(more: str = "") -> Policy:
    return parse(POLICY + more)


def series(version: str, **dims: str) -> SliceSeries:
    return SliceSeries("m", version, *described(tuple(dims), tuple(dims.values())))


def versions(count: int) -> list[SliceSeries]:
    """`count` series of all traffic, each with a version of its own."""
    return [series(f"v{number}") for number in range(count)]


def pane_of(number: int, slots: Ints, good: Ints, bad: Ints) -> PaneCounts:
    """A pane with the good and bad events of these series; those without events are left out."""
    some = np.flatnonzero(good + bad)
    slis = np.zeros((len(some), 2, 3), np.int64)
    slis[:, 0, 0], slis[:, 0, 1] = good[some], bad[some]
    return PaneCounts(pane=number, slots=slots[some], events=(good + bad)[some], slis=slis, units=slis[:, :, :2])


def pane(number: int, counts: Mapping[int, tuple[int, int]] | None = None) -> PaneCounts:
    """A pane with (good, bad) of some slots."""
    slots = sorted(counts or {})
    both = np.array([(counts or {})[slot] for slot in slots], np.int64).reshape(len(slots), 2)
    return pane_of(number, np.array(slots, np.int64), both[:, 0], both[:, 1])


class Watch:
    """One rule over time: panes go in, words come out, `told` has them all."""

    def __init__(self, rule: Evaluator, names: Sequence[SliceSeries] | None = None, start: int = 1_000_000) -> None:
        self.rule = rule
        self.names = versions(1) if names is None else names
        self.next = start
        self.told: list[Verdict] = []

    def of(self, good: int, bad: int, panes: int = 1, slot: int = 0) -> list[str]:
        """Take `panes` panes, each with these events of one series; return the words."""
        told = []
        for _ in range(panes):
            told += self.take(pane(self.next, {slot: (good, bad)} if good + bad else {}))
        return [verdict.word for verdict in told]

    def take(self, counts: PaneCounts, windows: Sequence[WindowCounts] = ()) -> list[Verdict]:
        told = self.rule.step(counts, windows, self.names)
        self.told += told
        self.next = counts.pane + 1
        return told

    @property
    def last(self) -> Verdict:
        return self.told[-1]


def sre(target: float, page: Severity = "page") -> BurnRate:
    """The four tiers of the SRE workbook, over 30 days."""
    hours: tuple[tuple[float, float, float, Severity], ...] = (
        (14.4, 1, 5 / 60, page),
        (6, 6, 0.5, page),
        (3, 24, 2, "ticket"),
        (1, 72, 6, "ticket"),
    )
    tiers = tuple(
        Tier(factor=factor, long_ms=int(long * H), short_ms=int(short * H), severity=severity)
        for factor, long, short, severity in hours
    )
    return BurnRate(name="burn", sli="ok", target=target, period_ms=30 * D, tiers=tiers)
