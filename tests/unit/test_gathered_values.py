"""Values of all releases counted at once are what each version comes to by itself, whenever somebody looks."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from operators.arrays import Ints
from operators.recovery import dumps, loads
from operators.rules import value_gathering
from operators.rules.arm_values import ComparedLeaves, by_arm, edges_of, exceeding_counts
from operators.rules.canary import CanaryEvaluator
from operators.rules.canary_keys import Canary
from operators.rules.comparison import Comparison
from operators.rules.exceeding import Exceeding, limits_of, renew
from operators.rules.gathered_values import GatheredValues
from operators.rules.spreads import Spreads
from operators.rules.value_gathering import add_values
from operators.rules.value_history import BASELINE, CANDIDATE, Bucketed
from operators.window.series_index import SliceSeries
from tests.unit.test_exceeding import POLICY

RULE = next(rule for rule in POLICY.rules if isinstance(rule, Canary))
LIMITS = limits_of(RULE, POLICY)
# One baseline is that of two candidates, one candidate has two baselines; nobody compares v9, and one has no traffic.
RELEASES = [
    Comparison(*names, 0, 0)
    for names in [("a", "v2", "v1"), ("a", "v3", "v1"), ("b", "v2", "v1"), ("b", "v2", "v0"), ("c", "v2", "v1")]
]
SERIES = [
    SliceSeries(model, version, f"region={region}", {"region": region})
    for model in "ba"
    for version in ("v2", "v1", "v9", "v3", "v0")
    for region in ("us", "eu")
]
VERSIONS = sorted({name[:2] for name in SERIES})
PANES_A_MINUTE = 60_000 // POLICY.pane_ms
Known = dict[tuple[int, int, int, int], Counter[int]]  # By release, measure, arm and minute.


def pane_of(random: np.random.Generator) -> Spreads:
    """A third of the series have nothing; of three measures one is compared by one limit, one by two, one by none."""
    keys = [
        (row, measure, int(code))
        for row in np.flatnonzero(random.random(len(SERIES)) < 0.7).tolist()
        for measure in range(3)
        for code in np.unique(random.integers(280, 320, 6))
    ]
    row, measure, code = np.array(keys, np.int64).reshape(-1, 3).T
    series = random.permutation(len(SERIES))
    version = np.array([VERSIONS.index(SERIES[each][:2]) for each in series.tolist()])
    n = random.integers(1, 50, len(keys))
    return Spreads(
        names=SERIES, series=series, versions=VERSIONS, version=version, row=row, measure=measure, code=code, n=n
    )


def cells(spreads: Spreads, release: Comparison, arm: int) -> list[tuple[int, int, int, int]]:
    version = (release.candidate, release.baseline)[arm]
    every = zip(*(each.tolist() for each in (spreads.row, spreads.measure, spreads.code, spreads.n)), strict=True)
    return [each for each in every if SERIES[spreads.series[each[0]]][:2] == (release.model, version)]


def one_by_one(spreads: Spreads, release: Comparison, codes: dict[int, int], arm: int) -> dict[int, list[list[int]]]:
    """Return good and bad values by row and limit, value by value."""
    counts: dict[int, list[list[int]]] = {}
    for row, measure, code, n in cells(spreads, release, arm):
        for number, limit in enumerate(LIMITS):
            if limit.measure == measure and number in codes:
                edge = codes[number] if arm == BASELINE else limit.of_candidate(codes[number])
                counts.setdefault(row, [[0, 0] for _ in LIMITS])[number][code > edge] += n
    return counts


def by_code(values: Bucketed) -> Counter[int]:
    codes, counts = (each.tolist() for each in values)
    assert codes == sorted(set(codes))
    return Counter(dict(zip(codes, counts, strict=True)))


def remembered(exceeding: Sequence[Exceeding]) -> Known:
    return {
        (number, measure, arm, minute): by_code(values)
        for number, each in enumerate(exceeding)
        for measure, history in each.history.items()
        for minute, arms in history.minutes.items()
        for arm, values in enumerate(arms)
        if len(values[0])
    }


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_each_version_by_itself(seed: int) -> None:
    random = np.random.default_rng(seed)
    spreads = pane_of(random)
    codes = [{number: int(random.integers(290, 310)) for number in range(len(LIMITS))} for _ in RELEASES]
    del codes[0][1], codes[3][0]
    exceeding = [Exceeding(limits=LIMITS, codes=each) for each in codes]
    values = by_arm(spreads, ComparedLeaves(RELEASES), {limit.measure for limit in LIMITS})
    counts = exceeding_counts(values, LIMITS, edges_of(LIMITS, exceeding))
    for number, release in enumerate(RELEASES):
        for arm in (CANDIDATE, BASELINE):
            mine = np.flatnonzero((values.arm == 2 * number + arm) & counts.any(axis=(1, 2)))
            found = dict(zip(values.row[mine].tolist(), counts[mine].tolist(), strict=True))
            assert found == one_by_one(spreads, release, codes[number], arm)


@pytest.mark.parametrize("looked", [(), (0,), (2, 3, 4), range(20)])
def test_what_is_remembered_does_not_depend_on_when_somebody_looks(looked: Sequence[int]) -> None:
    """A release comes and one goes in the middle of a minute."""
    random, gathered = np.random.default_rng(1), GatheredValues()
    exceeding = [Exceeding(limits=LIMITS) for _ in RELEASES]
    known: Known = {}
    stretches: dict[tuple[int, int], Counter[int]] = {}
    for pane in range(20):
        live = [number for number in range(len(RELEASES)) if number != (1 if pane < 8 else 2)]
        spreads, minute = pane_of(random), pane // PANES_A_MINUTE
        values = by_arm(
            spreads, ComparedLeaves([RELEASES[number] for number in live]), {each.measure for each in LIMITS}
        )
        gathered.add([exceeding[number] for number in live], minute, values)
        for number in live:
            for arm in (CANDIDATE, BASELINE):
                for _, measure, code, n in cells(spreads, RELEASES[number], arm):
                    if measure in {limit.measure for limit in LIMITS}:
                        known.setdefault((number, measure, arm, minute), Counter())[code] += n
                        if arm == BASELINE:
                            stretches.setdefault((number, measure), Counter())[code] += n
        if pane in looked:
            gathered.settle()
    gathered.settle()
    assert remembered(exceeding) == known
    assert stretches == {
        (number, measure): by_code(values)
        for number, each in enumerate(exceeding)
        for measure, values in each.values.items()
    }


def test_what_is_saved_has_all_that_was_gathered() -> None:
    canary = CanaryEvaluator(RULE, POLICY)
    spreads = pane_of(np.random.default_rng(2))
    add_values(canary, 0, spreads, RELEASES, RELEASES, {})
    saved = loads(dumps(canary, POLICY), CanaryEvaluator, POLICY)
    assert saved is not None
    assert remembered([saved.exceeding[release] for release in RELEASES[:2]])
    assert saved.exceeding.keys() == canary.exceeding.keys() == set(RELEASES)


def test_values_are_added_to_all_releases_as_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices come with time, and a release comes and one goes."""

    def played() -> list[bytes]:
        canary, states = CanaryEvaluator(RULE, POLICY), []
        for pane in range(40):
            spreads, live = pane_of(np.random.default_rng(pane)), RELEASES[: 4 + pane // 20]
            few = np.flatnonzero(spreads.series[spreads.row] < 6 + pane)
            some = {name: getattr(spreads, name)[few] for name in ("row", "measure", "code", "n")}
            canary.forget(set(live))
            spreads = msgspec.structs.replace(spreads, **some)
            add_values(canary, pane, spreads, live, live[pane // 30 :], {live[0]: [0.5, 1.0]})
            if pane % 6 == 5:
                canary.gathered.settle()
                renew(list(canary.exceeding.values()))
            states.append(dumps(canary, POLICY))
        return states

    at_once = played()
    monkeypatch.setattr(value_gathering, "_strata", lambda canary, leaves: np.full(len(leaves.arms), -1))
    assert played() == at_once


def test_a_release_of_which_nothing_is_compared_yet_sets_limits_alone() -> None:
    canary = CanaryEvaluator(RULE, POLICY)
    for pane in range(12):
        add_values(canary, pane, pane_of(np.random.default_rng(pane)), RELEASES, RELEASES[:1], {})
        canary.gathered.settle()
        renew(list(canary.exceeding.values()))
    assert canary.strata.keys() == set(RELEASES[:1])
    assert all(canary.exceeding[release].codes for release in RELEASES[:4])
    served: Ints = canary.strata[RELEASES[0]].pending
    columns = len(RULE.slis)
    assert not served[:, :columns].any()
    assert served[:, columns:].any(axis=(0, 1)).all()
