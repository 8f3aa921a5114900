"""What blips of all releases came to is bet on at once, to the same as release by release."""

from collections.abc import Sequence

import numpy as np
import pytest

from operators.rules import canary_gathering
from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.pane_counts import PaneCounts
from operators.rules.pooled_bets import bet_at_once
from operators.rules.pooled_strata import PooledStrata
from operators.rules.strata import Strata
from operators.window.series_index import SliceSeries, described
from tests.releasing import canary_evaluator
from tests.saving import again, saved

REGIONS = ("asia", "eu", "none", "us")
RELEASES = [Comparison(f"m{number}", "v2", "v1", since=0, begins=4 * number) for number in range(5)]
NAMES = [
    SliceSeries(release.model, version, *described(("region",), (region,)))
    for region in REGIONS
    for release in RELEASES
    for version in ("v1", "v2")
]


def pane(number: int) -> PaneCounts:
    """What fails of one model is in a slice of which nothing is good; in another slice there is nothing at first."""
    random = np.random.default_rng(number)
    slots = np.flatnonzero(random.random(len(NAMES)) < random.choice([0.05, 0.3, 0.9]))
    slots = slots[[number > 20 or NAMES[slot].text != "region=us" for slot in slots.tolist()]]
    n = random.poisson([9 if NAMES[slot].version == "v1" else 3 for slot in slots.tolist()])
    is_none = [NAMES[slot].text == "region=none" and NAMES[slot].model == "m1" for slot in slots.tolist()]
    x = np.where(is_none, n, random.binomial(n, 0.1))
    slis = np.zeros((len(slots), 2, 3), np.int64)
    slis[:, 0, 0], slis[:, 0, 1], slis[:, 1, 1] = n - x, x, n
    return PaneCounts(pane=number, slots=slots, events=n, slis=slis, units=slis[:, :, :2])


def played() -> tuple[list[bytes], int]:
    """The state after each pane of a story in which releases come and go, and how many SLIs have outcomes as slices."""
    rule, states = canary_evaluator("20s"), []
    for number in range(90):
        live = RELEASES[:3] if number < 30 else RELEASES[1:]
        rule.step(pane(number), NAMES, [release for release in live if release.model != "m0" or number % 50 < 40])
        rule = again(rule) if number % 23 == 22 else rule
        states.append(saved(rule))
    return states, len(rule.guard.of)


def test_blips_of_all_releases_are_bet_on_as_those_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []
    every: list[int] = []

    def counted(canary: CanaryState, pane: int) -> Sequence[Comparison]:
        found = bet_at_once(canary, pane)
        left.append(len(found))
        every.append(len(canary.strata))
        return found

    at_once, guarded = played()
    assert guarded > 0
    monkeypatch.setattr(canary_gathering, "bet_at_once", lambda canary, pane: list(canary.strata))
    assert played()[0] == at_once
    monkeypatch.setattr(canary_gathering, "bet_at_once", counted)
    played()
    assert sum(left) < sum(every) / 2


@pytest.mark.parametrize("seed", range(5))
def test_windows_of_all_releases_are_opened_and_end_as_those_of_each(seed: int) -> None:
    random, slis = np.random.default_rng(seed), np.array([0, 2])
    each = {release: Strata(3, 16) for release in RELEASES}
    pooled = {release: Strata(3, 16) for release in RELEASES}
    for release in RELEASES:
        for strata in (each[release], pooled[release]):
            strata.add([], [(name, np.zeros((3, 3), np.int64)) for name in NAMES if name.model == release.model])
    whole = PooledStrata(pooled)
    for number in range(60):
        served = random.random(len(RELEASES)) < 0.7
        whole.open(served, number, 1, slis)
        for place, release in enumerate(RELEASES):
            if served[place]:
                each[release].open(number, 1, slis)
                came = random.poisson(0.4, pooled[release].pending.shape)
                each[release].pending += came
                pooled[release].pending += came
        ended = whole.take(whole.ended(number + 1, slis), slis)
        windows = [window for strata in each.values() for window in strata.take(number + 1, slis)]
        assert sorted(ended.counts.tolist()) == sorted(row for window in windows for row in window.counts.tolist())
        assert sorted(ended.panes.tolist()) == sorted(window.panes for window in windows for _ in window.counts)
        assert saved(list(each.values())) == saved(list(pooled.values()))
    assert set(whole.panes[:, 0].tolist()) - {0, 1}
    assert whole.fits(pooled)
