"""Laws of a shard's evaluation: what it says is a function of the closed panes and the policy, and of nothing else."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState
from operators.recovery import dumps, loads
from operators.window.merging import merge
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.waiting_commands import Due
from operators.window.windows import PaneWithWindows
from operators.wire.commands import Command
from tests.releasing import (
    CANARY,
    START,
    THRESHOLD,
    Counts,
    ack,
    kill,
    override,
    partial,
    pin,
    policy,
    release,
    rollback,
    silence,
    unpin,
)

RULES = (
    THRESHOLD.replace('"alert"', '"rollback"')
    + 'for = "1m"\nslices = ["*", "region"]\n'
    + CANARY
    + """
[[rule]]
name = "budget"
kind = "burn_rate"
sli = "quality"
target = 0.95
period = "1d"
tiers = [{ share = 0.05, long = "10m", short = "1m", severity = "page" }]
[[rule]]
name = "gone"
kind = "absence"
scope = "version"
after = "2m"
"""
)
POLICY = policy(RULES)
PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
SEEDS = range(6)
FEW = SEEDS if PROVE else (0, 3)


def history(random: Random, panes: int = 250 if PROVE else 150) -> list[Closed]:
    """Versions that come, go and change their minds, on two models; silence of seconds or hours; commands."""
    closed, at = [], START
    rates = {(model, version): 0.02 for model in "mn" for version in ("v1", "v2", "v3")}
    volume = dict.fromkeys(rates, 0) | {("m", "v1"): 50, ("n", "v1"): 5}
    for _ in range(panes):
        at += 1
        if random.random() < 0.02:
            at += random.choice([3, 20, 100, 500])
        if random.random() < 0.06:
            volume[random.choice(list(volume))] = random.choice([0, 5, 50, 50])
        if random.random() < 0.06:
            rates[random.choice(list(rates))] = random.choice([0.01, 0.05, 0.3, 0.9])
        parts = [_part(random, model, at, rates, volume) for model in "mn"]
        on_time = merge([part for part in parts if part.rows]) if any(part.rows for part in parts) else None
        closed.append(Closed(pane=at, on_time=on_time, commands=_said(random, at)))
    return closed


def _part(
    random: Random, model: str, pane: int, rates: dict[tuple[str, str], float], volume: dict[tuple[str, str], int]
) -> Partial:
    ok: Counts = {}
    quality: Counts = {}
    for version in ("v1", "v2", "v3"):
        for region in ("eu", "us"):
            n = random.randint(0, volume[model, version])
            bad = sum(random.random() < rates[model, version] for _ in range(n))
            if n:
                ok[version, region] = n - bad, bad
            if random.random() < 0.1:
                quality[version, region] = random.randint(0, 9), random.randint(0, 3)
    return partial(pane, ok, quality, model)


def _said(random: Random, pane: int) -> tuple[Due, ...]:
    if random.random() > 0.03:
        return ()
    version = random.choice(["v1", "v2", "v3"])
    other = random.choice([name for name in ("v1", "v2", "v3") if name != version])
    choices: list[Command] = [
        release(version, other, random.choice([None, 0.1])),
        override(version),
        override(version, revoked=True),
        kill(version),
        rollback(version, random.choice([None, other])),
        pin(version),
        unpin(),
        silence((pane + random.randint(1, 100)) * 10_000, model=random.choice([None, "m"])),
        ack("unknown"),
    ]
    return (random.choice(choices),)  # type: ignore[return-value]


def told(
    closed: Sequence[Closed], between: Callable[[ShardEvaluation], ShardEvaluation] = lambda judge: judge
) -> list[bytes]:
    """Return all that a Judge says of these panes; `between` may exchange it after each."""
    judge = ShardEvaluation(POLICY)
    out = []
    for each in closed:
        for judged in judge.push(PaneWithWindows(closed=each, windows=())):
            out += [msgspec.json.encode(verdict) for verdict in judged.verdicts]
            out += [msgspec.json.encode(event) for event in judged.events]
        judge = between(judge)
    return out


def restarted(judge: ShardEvaluation) -> ShardEvaluation:
    return ShardEvaluation(POLICY, loads(dumps(judge.state, POLICY), EvaluationState, POLICY))


def shuffled(part: Partial, random: Random) -> Partial:
    """The same counts, from partitions that were read in another order."""
    order = random.sample(range(len(part.series)), len(part.series))
    new = np.empty(len(order), np.int64)
    new[order] = np.arange(len(order))
    return msgspec.structs.replace(part, series=[part.series[old] for old in order], which=new[part.which])


@cache
def known(seed: int) -> tuple[list[Closed], list[bytes], tuple[Any, ...]]:
    """A history, what is said of it undisturbed, and how its random numbers go on."""
    random = Random(seed)
    closed = history(random)
    return closed, told(closed), random.getstate()


def going_on(state: tuple[Any, ...]) -> Random:
    random = Random()
    random.setstate(state)
    return random


@pytest.mark.parametrize("seed", SEEDS if PROVE else (4,))
def test_it_says_the_same_whatever_happens_between_two_panes(seed: int) -> None:
    """Restarts between any two panes; series that are numbered anew after each."""
    closed, expected, state = known(seed)
    random = going_on(state)
    assert told(closed, lambda judge: restarted(judge) if random.random() < 0.3 else judge) == expected

    def renumbered(judge: ShardEvaluation) -> ShardEvaluation:
        judge.slots_max = 0
        return judge

    assert told(closed, renumbered) == expected


@pytest.mark.parametrize("seed", FEW)
def test_quiet_panes_may_be_told_or_not(seed: int) -> None:
    closed, expected, state = known(seed)
    random = going_on(state)
    more = []
    for each, after in pairwise(closed):
        quiet = random.sample(range(each.pane + 1, after.pane), random.randint(0, min(after.pane - each.pane - 1, 30)))
        more += [each, *(Closed(pane=pane) for pane in sorted(quiet))]
    assert told([*more, closed[-1]]) == expected


@pytest.mark.parametrize("seed", FEW)
def test_the_order_in_which_partitions_were_read_does_not_matter(seed: int) -> None:
    closed, expected, state = known(seed)
    random = going_on(state)
    other = [
        each if each.on_time is None else msgspec.structs.replace(each, on_time=shuffled(each.on_time, random))
        for each in closed
    ]
    assert told(other) == expected


def test_the_histories_have_everything_in_them() -> None:
    """So that the laws above are about something."""
    kinds = set()
    for seed in SEEDS:
        for text in known(seed)[1]:
            kinds |= {str(msgspec.json.decode(text).get("type"))}
    wanted = {"alert", "rollback", "rollback_applied", "recovered", "rollback_ineffective", "promote", "hold"}
    assert wanted <= kinds
