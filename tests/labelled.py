"""Releases whose labels come late: simulated requests and labels of many models at once go into one Judge."""

from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.evaluation import ShardEvaluation
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.window.label_ages import UNDATED, encode, lags_of, width
from operators.window.leaf_index import LeafSeries
from operators.window.pane_items import Closed
from operators.window.windows import PaneWithWindows
from operators.wire.control import ControlEvent
from tests.releasing import BASE, counted

PANE_MS = 60_000
START = 29_000_000  # A pane number in 2025.
RULE = """
[[rule]]
name = "canary"
kind = "canary"
slis = ["quality"]
action = "rollback"
severity = "page"
"""
RELEASE = """
[release]
settle = "1m"
warm_up = "0s"
"""
Minutes = tuple[float, float]  # Mean delay of good labels, and of bad ones; each varies by half of it.


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """A version that serves from minute `begins` on: labelled requests a minute, share of bad ones, label delays.

    `labelled` is the share of its requests that get a label; `bad_on_time` the share of its bad labels that take only
    as long as good ones.
    """

    version: str
    rate: float
    bad: Callable[[Ints], Floats]
    comes: Minutes
    begins: int = 0
    labelled: float = 1.0
    bad_on_time: float = 0.0


def steadily(ratio: float) -> Callable[[Ints], Floats]:
    return lambda minutes: np.full(len(minutes), ratio)


def policy(more: str = "") -> Policy:
    return parse(BASE.replace('pane = "10s"', 'pane = "1m"') + RULE + more + RELEASE)


def play(
    arms: Sequence[Arm], rules: Policy, *, runs: int, minutes: int, seed: int = 1, dated: bool = True
) -> list[ControlEvent]:
    """Return the control events of `runs` models alike, each with random numbers of its own, all from one seed.

    Without `dated`, labels do not say when their requests were made.
    """
    judge, said = ShardEvaluation(rules), []
    series = [LeafSeries(f"m{run}", arm.version, ("eu",)) for run in range(runs) for arm in arms]
    for pane, (slis, ages) in enumerate(_panes(arms, runs, minutes, seed, dated), START):
        part = counted(pane, series, slis, ages)
        judged = judge.push(PaneWithWindows(closed=Closed(pane=pane, on_time=part), windows=()))
        said += [event for each in judged for event in each.events]
    return said


def minute(event: ControlEvent) -> int:
    """The time of an event, in minutes from the first pane."""
    return event.ts // PANE_MS - START


def who(said: Sequence[ControlEvent], kind: str) -> set[str]:
    """Return the models with an event of a type."""
    return {event.model for event in said if event.type == kind}


def _panes(arms: Sequence[Arm], runs: int, minutes: int, seed: int, dated: bool) -> Iterator[tuple[Ints, Ints]]:
    random = np.random.default_rng(seed)
    requests = np.zeros((minutes, runs, len(arms)), np.int64)
    for index, arm in enumerate(arms):
        requests[arm.begins :, :, index] = random.poisson(arm.rate, (minutes - arm.begins, runs))
    every = requests.copy()
    for index, arm in enumerate(arms):
        if arm.labelled < 1:
            silent = arm.rate * (1 / arm.labelled - 1)
            every[arm.begins :, :, index] += random.poisson(silent, (minutes - arm.begins, runs))
    row = np.broadcast_to(np.arange(runs * len(arms)).reshape(runs, -1), requests.shape)
    asked, row = np.repeat(np.indices(requests.shape)[0].ravel(), requests.ravel()), np.repeat(row, requests.ravel())
    bad, delay = _outcomes(arms, asked, row % len(arms), random)
    requested = asked * PANE_MS + random.integers(0, PANE_MS, len(asked))
    came = requested + (delay * PANE_MS).astype(np.int64)
    lag, age = lags_of(requested, came, PANE_MS) if dated else (asked * 0, asked * 0 + UNDATED)
    key = row * width(2) + encode(1, bad, lag, age)
    order = np.argsort(came, kind="stable")
    ends = np.searchsorted(came[order], np.arange(1, minutes + 1) * PANE_MS)
    for pane, (first, last) in enumerate(zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)):
        mine = order[first:last]
        slis = np.zeros((runs * len(arms), 2, 3), np.int64)
        slis[:, 0, 0] = every[pane].ravel()
        np.add.at(slis[:, 1], (row[mine], bad[mine]), 1)
        yield slis, np.column_stack(np.unique(key[mine], return_counts=True))


def _outcomes(arms: Sequence[Arm], asked: Ints, arm: Ints, random: np.random.Generator) -> tuple[Ints, Floats]:
    """Return whether each request is bad, and after how many minutes its label comes."""
    ratios, comes = np.zeros(len(asked)), np.zeros((len(arms), 2))
    for index, each in enumerate(arms):
        ratios[arm == index] = each.bad(asked[arm == index])
        comes[index] = each.comes
    bad = (random.random(len(asked)) < ratios).astype(np.int64)
    kind, on_time = bad.copy(), np.array([each.bad_on_time for each in arms])[arm]
    if on_time.any():
        kind[random.random(len(asked)) < on_time] = 0
    return bad, comes[arm, kind] * (0.5 + random.random(len(asked)))
