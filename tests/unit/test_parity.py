"""The parity rule: which slices are compared, what calls one BAD, and what does not."""

import numpy as np
import pytest

from operators.policy.errors import PolicyError
from operators.rules.parity import Parity, ParityEvaluator
from operators.rules.registry import rule_kind_of
from operators.window.series_index import SliceSeries
from tests.judged import H, Watch, pane, policy, series

RULE = Parity(name="fair", sli="ok", gap=0.05, window_ms=H, grains=((0,),))
NAMES = [series("v1", region=region) for region in ("eu", "us", "za")] + [series("v2", region="eu"), series("v1")]
EU, US, ZA, OTHER, ALL = range(5)


def watch(names: list[SliceSeries] | None = None, rule: Parity = RULE) -> Watch:
    return Watch(ParityEvaluator(rule, policy()), NAMES if names is None else names)


def of(seen: Watch, counts: dict[int, tuple[int, int]], panes: int = 1) -> list[tuple[str, str, str]]:
    """Take so many panes with (good, bad) of some slots; return version, slice and word of all that was said."""
    told = []
    for _ in range(panes):
        told += seen.take(pane(seen.next, counts))
    return [(each.series.version, each.series.text, each.word) for each in told]


def test_the_slice_that_is_surely_more_than_the_gap_below_the_best_is_bad() -> None:
    seen = watch()
    words = of(seen, {EU: (20, 0), US: (19, 1), ZA: (14, 6)}, panes=40)
    assert ("v1", "region=za", "BAD") in words
    assert ("v1", "region=eu", "OK") in words
    assert not any(slice_ == "region=us" and word == "BAD" for _, slice_, word in words)
    (bad,) = [each for each in seen.told if each.word == "BAD"]
    evidence = bad.evidence
    assert evidence.value == pytest.approx(0.3)
    assert evidence.lower is not None
    assert evidence.threshold is not None
    assert evidence.lower > evidence.threshold
    assert str(evidence.reason).startswith("the best slice, region=eu, has at most")


def test_versions_and_all_traffic_are_not_compared_with_slices() -> None:
    assert of(watch(), {ZA: (10, 10), OTHER: (20, 0), ALL: (20, 0)}, panes=60) == []


def test_a_slice_alone_is_neither_well_nor_bad() -> None:
    assert of(watch(), {ZA: (0, 20)}, panes=60) == []


def test_a_new_window_proves_nothing_yet_and_changes_no_word() -> None:
    seen = watch()
    of(seen, {EU: (20, 0), ZA: (10, 10)}, panes=40)
    first = len(seen.told)
    assert of(seen, {EU: (20, 0), ZA: (10, 10)}, panes=400) == []
    assert len(seen.told) == first
    assert ("v1", "region=za", "OK") in of(seen, {EU: (20, 0), ZA: (20, 0)}, panes=400)


def test_what_is_said_does_not_depend_on_how_slots_are_numbered() -> None:
    counts = {EU: (20, 0), US: (19, 1), ZA: (14, 6), OTHER: (10, 10)}
    turned = [NAMES[slot] for slot in (ZA, OTHER, EU, ALL, US)]
    other = {turned.index(NAMES[slot]): value for slot, value in counts.items()}
    assert of(watch(), counts, panes=60) == of(watch(turned), other, panes=60)


def test_slices_that_are_left_out_are_forgotten_and_the_others_go_on() -> None:
    whole, cut = watch(), watch()
    counts = {EU: (20, 0), ZA: (14, 6)}
    of(whole, counts, panes=5)
    of(cut, counts, panes=5)
    kept = cut.rule.held()
    assert kept.tolist() == [EU, ZA]
    cut.rule.only(np.array([EU, ZA]))
    cut.names = [NAMES[EU], NAMES[ZA]]
    assert of(whole, counts, panes=60) == of(cut, {0: (20, 0), 1: (14, 6)}, panes=60)


def test_what_is_current_is_said_with_its_numbers() -> None:
    seen = watch()
    of(seen, {EU: (20, 0), ZA: (14, 6)}, panes=50)
    word, evidence = seen.rule.current(ZA, NAMES)
    assert (word, evidence.bad if evidence else None) == ("BAD", 300)
    assert seen.rule.current(ALL, NAMES) == (None, None)
    assert seen.rule.current(US, NAMES)[0] == "INSUFFICIENT"


def test_the_policy_must_name_slices() -> None:
    rule = '[[rule]]\nname = "fair"\nkind = "parity"\nsli = "ok"\n'
    with pytest.raises(PolicyError, match="must name slices to compare"):
        policy(rule)
    (read,) = policy(rule + 'slices = ["region"]\naction = "hold"\n').rules
    assert isinstance(read, Parity)
    lines = list(rule_kind_of(read).detects(read))
    assert lines[0] == "of 100 in each of two slices: 30.0% bad beside none"
