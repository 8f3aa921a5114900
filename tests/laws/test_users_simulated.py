"""Few users who differ much, each with one version; tests/bench/simulate_users.py has the cases, and prints them."""

import os
from random import Random

import msgspec
import numpy as np
import pytest

from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.rules.pane_counts import Roster
from operators.rules.recurring import CHAINS_MAX, Recurring, left_out
from operators.window.merging import merge
from tests.bench.simulate_users import EQUAL, WORSE, Case, found
from tests.dataflows.making import received
from tests.releasing import BASE, CANARY

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
RUNS = 100 if PROVE else 5
AT_MS = 1_760_000_000_000
POLICY = parse(BASE + CANARY)
BY_NAME = {case.name: case for case in WORSE}


@pytest.mark.parametrize("case", EQUAL if PROVE else EQUAL[:1], ids=lambda case: case.name)
def test_a_good_candidate_is_not_blamed_for_its_users(case: Case) -> None:
    panes = 1_080 if PROVE else 360
    assert np.isfinite(found(case, RUNS, panes=panes)).mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize(("name", "minutes"), [("x3, 2,000 users", 12), ("x3, 1,000,000 users", 8)])
def test_of_many_users_nothing_is_lost(name: str, minutes: float) -> None:
    assert np.median(found(BY_NAME[name], RUNS, panes=180)) <= minutes


def test_who_comes_in_every_pane_counts_ever_more_rarely_and_who_comes_once_always() -> None:
    always, once = Recurring(), Recurring()
    shares = []
    for pane in range(1_000):
        shares.append(always.share)
        always.take(np.arange(100))
        assert once.share == 1.0
        once.take(np.arange(100) + 100 * pane)
    assert sum(shares) == pytest.approx(np.log(1_000), rel=0.3)
    assert len(once.chains) == CHAINS_MAX


def test_the_sample_says_how_often_chains_come_again_however_many_there_are() -> None:
    random = np.random.default_rng(1)
    ids = random.integers(0, 2**62, 20_000)
    recurring, panes = Recurring(), np.zeros(20_000)
    for _ in range(100):
        here = np.flatnonzero(random.random(20_000) < 0.1)
        panes[here] += 1
        recurring.take(ids[here])
    assert recurring.share == pytest.approx(panes.sum() / (panes**2).sum(), rel=0.1)


def test_of_the_events_of_users_as_many_are_left_out_and_they_are_the_same_users_in_every_pane() -> None:
    random = Random(2)
    grain = (tuple(range(len(POLICY.dimensions))),)
    roster, recurring = Roster(POLICY.dimensions, grain, len(POLICY.slis), ()), Recurring()
    ok = [sli.name for sli in POLICY.slis].index("ok")
    kept = []
    for pane in range(12):
        bodies = [
            {"request_id": f"{pane} {user}", "ts": AT_MS + pane * POLICY.pane_ms, "model": "m", "user_id": f"u{user}",
             "version": "v2" if user % 5 == 0 else "v1", "slices": {"region": "eu"},
             "error_type": "500" if random.random() < 0.3 else None}
            for user in range(200)
        ]  # fmt: skip
        taken = Partition("log", "events", ("log",), POLICY).take(
            received([msgspec.json.encode(each) for each in bodies])
        )
        part = merge([part for _, given in taken.inputs for _, part in given.partials])
        counts = roster.count(AT_MS // POLICY.pane_ms + pane, part)
        out = left_out(recurring, counts.chains, counts.slots.tolist())
        units = {slot: counts.units[row] for row, slot in enumerate(counts.slots.tolist())}
        assert all((out[slot] <= units[slot]).all() for slot in out)
        kept.append(sum(int(units[slot][ok].sum()) - int(out.get(slot, units[slot] * 0)[ok].sum()) for slot in units))
    assert recurring.panes.tolist() == [12] * 200
    assert kept[0] == 200
    assert kept[1:] == pytest.approx([200 / pane for pane in range(1, 12)], abs=45)
