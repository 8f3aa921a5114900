"""What a pane brings is added to all releases at once, to the same as release by release."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from operators.rules import canary_gathering, count_gathering
from operators.rules.canary import CanaryEvaluator
from operators.rules.canary_state import CanaryState
from operators.rules.comparison import Comparison
from operators.rules.pane_counts import ComparedChains, PaneCounts
from operators.rules.value_gathering import Shares
from operators.window.series_index import SliceSeries, described
from tests.releasing import canary_evaluator
from tests.saving import saved

RELEASES = [
    Comparison("m", "v2", "v1", since=0, begins=0),
    Comparison("m", "v3", "v1", since=0, begins=9),
    *(Comparison(f"other-{number}", "v2", "v1", since=0, begins=2 * number) for number in range(4)),
]
VERSIONS = [("m", "v1"), ("m", "v2"), ("m", "v3"), *((each.model, f"v{n}") for each in RELEASES[2:] for n in (1, 2))]
SERIES = [
    SliceSeries(*version, *described(("region",) if values else (), values))
    for values in (("eu",), (), ("us",), ("asia",))
    for version in VERSIONS
]


def pane(number: int, series: int) -> PaneCounts:
    """A pane of some series; in some not all events count once, and in some there are chains."""
    random = np.random.default_rng(number)
    slots = np.flatnonzero(random.random(series) < random.choice([0.2, 0.9]))
    slis = random.poisson(6, (len(slots), 2, 3)) * (random.random((len(slots), 1, 1)) < 0.9)
    units = np.maximum(slis[:, :, :2] - (number % 5 == 0), 0)
    found = PaneCounts(pane=number, slots=slots, events=slis[:, 0].sum(axis=1), slis=slis, units=units)
    if number % 4 or not len(slots):
        return found
    chain = np.sort(random.integers(0, 60, len(slots)))
    classes = random.integers(0, 2, (len(slots), 2)).astype(np.uint8)
    key = random.integers(0, 2**62, len(slots))
    return msgspec.structs.replace(found, chains=ComparedChains(slot=slots, chain=chain, key=key, classes=classes))


def played(rule: CanaryEvaluator) -> list[bytes]:
    """The state after each pane of a story in which series and releases come and go."""
    names: list[SliceSeries] = []
    states = []
    for number in range(60):
        names += SERIES[len(names) : 2 * number + 6]
        live = [each for place, each in enumerate(RELEASES) if not number // 20 == place > 0]
        if number == 40:
            names = names[::-1]  # Slots are given anew.
        rule.step(pane(number, len(names)), names, live, warming=live[:1] if number % 11 == 0 else ())
        states.append(saved(rule))
    return states


def test_what_comes_in_is_added_to_all_releases_as_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = played(canary_evaluator("30s"))
    shares: list[Shares] = []

    def each(
        canary: CanaryState, counts: PaneCounts, names: Sequence[SliceSeries], releases: Sequence[Comparison]
    ) -> Shares:
        shares.append(count_gathering._add_each(canary, counts, names, releases))
        return shares[-1]

    monkeypatch.setattr(canary_gathering, "add_counts", each)
    assert played(canary_evaluator("30s")) == at_once
    assert any(share != 1.0 for each in shares for both in each.values() for share in both)


def test_shares_are_those_of_each_release(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (1.0, 1.0)
    found: list[Shares] = []
    one, other = canary_evaluator("30s"), canary_evaluator("30s")
    names = list(SERIES)
    for number in range(40):
        counts, live = pane(number, len(names)), [each for each in RELEASES if each.begins <= number]
        found = [
            count_gathering.add_counts(one, counts, names, live),
            count_gathering._add_each(other, counts, names, live),
        ]
        for release in live:
            first, second = (tuple(each.get(release, whole)) for each in found)
            assert first == second


def test_releases_whose_strata_are_known_are_not_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    each = count_gathering._add_each

    def counted(
        canary: CanaryState, counts: PaneCounts, names: Sequence[SliceSeries], releases: Sequence[Comparison]
    ) -> Shares:
        asked.append(len(releases))
        return each(canary, counts, names, releases)

    monkeypatch.setattr(count_gathering, "_add_each", counted)
    one, slots = canary_evaluator("30s"), np.arange(len(SERIES))
    slis = np.ones((len(SERIES), 2, 3), np.int64)
    for number in range(20, 26):
        found = PaneCounts(pane=number, slots=slots, events=slis[:, 0, 0], slis=slis, units=slis[:, :, :2])
        one.step(found, SERIES, RELEASES)
    assert asked == [len(RELEASES)]
