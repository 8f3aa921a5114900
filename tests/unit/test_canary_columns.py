"""What a canary rule keeps of its processes from pane to pane is what it would find anew, and is found once."""

from typing import Any

import msgspec
import numpy as np
import pytest

from operators.rules import canary_slices
from operators.rules.canary_alphas import alpha_of, alphas_of
from operators.rules.canary_evidence import evidence_of, evidences_of
from operators.rules.canary_slices import worse_slices
from operators.rules.comparison import Comparison
from operators.rules.pane_counts import PaneCounts
from operators.rules.process_index import ProcessIndex
from operators.window.series_index import SliceSeries, described
from tests.releasing import canary_evaluator
from tests.saving import again

REGIONS = ("eu", "us", "asia")
RELEASES = [Comparison(f"m{number}", "v2", "v1", since=0, begins=3 * number) for number in range(5)]
NAMES = [
    SliceSeries(release.model, version, *described(("region",), (region,)))
    for release in RELEASES
    for version in ("v1", "v2")
    for region in REGIONS
]


def pane(number: int) -> PaneCounts:
    """Some of the series have something; the candidate of the last release is worse, most of all in one region."""
    random = np.random.default_rng(number)
    slots = np.flatnonzero(random.random(len(NAMES)) < (0.9 if number % 7 else 0.2))
    bad = [
        0.1 if name.version == "v1" or name.model != "m4" else 0.9 if name.text == "region=us" else 0.2
        for name in NAMES
    ]
    n = random.poisson(20, len(slots))
    x = random.binomial(n, np.array(bad)[slots])
    slis = np.zeros((len(slots), 2, 3), np.int64)
    slis[:, 0, 0], slis[:, 0, 1] = n - x, x
    return PaneCounts(pane=number, slots=slots, events=n, slis=slis, units=slis[:, :, :2])


def live(number: int) -> list[Comparison]:
    return RELEASES[: 3 + number // 20] if number < 70 else RELEASES[2:]


def plain(found: tuple[Any, ...]) -> Any:
    """What a step came to, as what can be compared."""
    verdicts, results, rows = found
    each = {release: msgspec.structs.replace(one, elsewhere=one.elsewhere()) for release, one in results.items()}
    return repr((verdicts, each, rows))


def test_a_rule_goes_on_as_one_that_is_read_again_before_each_pane() -> None:
    one, other = canary_evaluator("20s"), canary_evaluator("20s")
    words = set()
    with np.printoptions(threshold=10**6, precision=17):
        for number in range(110):
            found = one.step(pane(number), NAMES, live(number))
            other = again(other)
            assert plain(found) == plain(other.step(pane(number), NAMES, live(number)))
            words |= {*one.words}
    assert words == {"BAD", "OK", "INSUFFICIENT"}


def test_what_processes_come_to_is_found_once_for_each_word() -> None:
    one = canary_evaluator("20s")
    kept = same = 0
    for number in range(50):
        before = one.results or {}
        after = one.step(pane(number), NAMES, RELEASES[4:])[1]
        kept += sum(before.get(release) is result for release, result in after.items())
        same += after is before
    assert kept >= 15  # A blip ends with every second pane.
    assert kept >= same >= 10


def test_what_is_kept_of_evidence_is_what_it_is_now() -> None:
    one = canary_evaluator("20s")
    for number in range(60):
        one.step(pane(number), NAMES, live(number))
        assert one.kept.log_e(np.arange(len(one.of))).tolist() == one.processes.log_e().tolist()


def test_alphas_of_all_are_those_of_each() -> None:
    one = canary_evaluator("20s")
    for number in range(60):
        one.step(pane(number), NAMES, live(number))
        assert alphas_of(one, range(len(one.of))).tolist() == [alpha_of(one, process) for process in one.of]


def test_places_of_processes_are_found_as_they_come() -> None:
    one, slowly = canary_evaluator("20s"), ProcessIndex()
    for number in range(60):
        one.step(pane(number), NAMES, live(number))
        slowly.follow(one.of)
    at_once = ProcessIndex()
    at_once.follow(one.of)
    assert slowly.columns == at_once.columns
    assert (slowly.by_release, slowly.slices) == (at_once.by_release, at_once.slices)
    assert slowly.column.tolist() == at_once.column.tolist()
    assert [one.of[index].slice for index in np.flatnonzero(slowly.whole)] == ["*"] * len(slowly.columns)


def test_what_is_said_of_a_slice_is_found_without_a_look_at_every_process() -> None:
    """A release that is bad everywhere has an event with thousands of slices: the worker stood still for minutes."""
    one = canary_evaluator("20s")
    slis = one.rule.slis
    for number in range(110):
        one.step(pane(number), NAMES, live(number))
        if number % 35 == 0 and one.of:
            by_name: dict[tuple[str, str, str, str], list[int]] = {}
            for index, (release, text, sli) in enumerate(map(msgspec.structs.astuple, one.of)):
                by_name.setdefault((release.model, release.candidate, text, slis[sli]), []).append(index)
            wanted = {name: evidence_of(one, one.most(mine)) for name, mine in by_name.items()}
            one.index, kept = NotLookedThrough(one.index), one.index
            assert {name: one.current(name[:3], name[3]) for name in wanted} == wanted
            assert one.current(("m0", "v2", "region=none"), slis[0]) is None
            one.index = kept


class NotLookedThrough(dict[Any, Any]):
    def items(self) -> Any:
        raise AssertionError("every process was looked at")


def test_slices_without_an_e_value_large_enough_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[float, list[list[int]]] = {canary_slices.SLACK: [], np.inf: []}
    looked = dict.fromkeys(found, 0)
    worse = canary_slices._worse

    def counted(*args: Any) -> list[int]:
        looked[canary_slices.SLACK] += 1
        return worse(*args)

    monkeypatch.setattr(canary_slices, "_worse", counted)
    for slack, each in found.items():
        monkeypatch.setattr(canary_slices, "SLACK", slack)
        one = canary_evaluator("20s")
        for number in range(110):
            one.step(pane(number), NAMES, live(number))
            each.append(list(worse_slices(one, alphas_of(one, range(len(one.of))))))
    first, every = found.values()
    assert first == every
    assert any(first)
    assert looked[np.inf] > 2 * min(looked.values()) > 0


def test_evidence_of_several_is_that_of_each_and_slices_of_a_stratum_are_found_once() -> None:
    one = canary_evaluator("20s")
    for number in range(60):
        one.step(pane(number), NAMES, live(number))
    every = list(range(len(one.of)))
    assert evidences_of(one, every) == [evidence_of(one, index) for index in every]
    for release, strata in one.strata.items():
        for stratum in strata.names:
            found = one.numbers_of(release, stratum, 0)
            assert [one.of[index].slice for index in found] == ["*", stratum.text]
            assert one.numbers_of(release, stratum, 0) is found
