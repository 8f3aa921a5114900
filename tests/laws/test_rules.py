"""What holds for every rule on counts: leaving quiet panes out, saving and loading, and new slots change nothing."""

from collections.abc import Callable, Iterator
from copy import deepcopy

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from operators.rules.absence import Absence, AbsenceEvaluator
from operators.rules.burn_rate import BurnRateEvaluator
from operators.rules.measure import MeasureEvaluator, MeasureRule
from operators.rules.pane_counts import PaneCounts
from operators.rules.threshold import Threshold, ThresholdEvaluator
from operators.rules.verdict import Evaluator, Verdict
from operators.window.sliding import WindowCounts
from tests.judged import M, pane, policy, sre, versions
from tests.saving import again as saved_again

POLICY = policy()
SERIES = versions(3)
# Shorter than in life, so that all of it happens within some hundred panes.
BURN = msgspec.structs.replace(
    sre(0.95),
    tiers=tuple(
        msgspec.structs.replace(t, long_ms=t.long_ms // 30, short_ms=t.short_ms // 30) for t in sre(0.95).tiers
    ),
)
RULES: dict[str, Callable[[], Evaluator]] = {
    "threshold": lambda: ThresholdEvaluator(
        Threshold(name="t", sli="ok", target=0.9, window_ms=2 * M, for_ms=M), POLICY
    ),
    "burn_rate": lambda: BurnRateEvaluator(BURN, POLICY),
    "measure": lambda: MeasureEvaluator(
        MeasureRule(name="m", measure="latency_ms", statistic="mean", window_ms=5 * M, at_most=5, for_ms=M, n_min=20),
        POLICY,
    ),
    "absence": lambda: AbsenceEvaluator(Absence(name="a", scope="version", after_ms=3 * M), POLICY),
}
Step = tuple[PaneCounts, list[WindowCounts]]
every_rule = pytest.mark.parametrize("kind", RULES)
# Each example is hundreds of panes, gone through twice.
half = settings(max_examples=settings().max_examples // 2)
# Stretches of time: how many panes, events of a pane and series, the chance that one is bad, how many series speak.
stretches = st.lists(
    st.tuples(
        st.integers(1, 60), st.sampled_from([0, 0, 1, 8, 40]), st.sampled_from([0.0, 0.1, 0.9]), st.integers(1, 3)
    ),
    min_size=2,
    max_size=8,
)
Stretches = list[tuple[int, int, float, int]]
ENDING: Stretches = [(60, 40, 0.1, 3), (60, 0, 0.0, 3), (30, 40, 0.9, 3), (60, 0, 0.0, 3)]  # Well, or ill, and nothing.


def history(plan: Stretches, seed: int) -> Iterator[Step]:
    """Panes of three series, and the window of 5 m over them; its measure is 10 for a bad event."""
    random = np.random.default_rng(seed)
    counts: list[np.ndarray[tuple[int, int], np.dtype[np.int64]]] = []
    number = 1_000
    for panes, events, chance, speak in plan:
        for _ in range(panes):
            n = random.poisson(events, 3) * (np.arange(3) < speak)
            failed = random.binomial(n, chance)
            counts.append(np.stack([n - failed, failed], axis=1))
            yield (
                pane(number, {slot: (int(g), int(b)) for slot, (g, b) in enumerate(counts[-1]) if g + b}),
                _windows(counts, number),
            )
            number += 1


def _windows(counts: list[np.ndarray[tuple[int, int], np.dtype[np.int64]]], number: int) -> list[WindowCounts]:
    total = np.sum(counts[-30:], axis=0)
    some = np.flatnonzero(total.sum(axis=1))
    if not len(some):
        return []
    sums = np.zeros((len(some), 3, 3), np.int64)
    sums[:, 0, 0], sums[:, 0, 2] = total[some].sum(axis=1), total[some, 1] * 10_000_000
    window = next(each for each in POLICY.windows if each.size_ms == 5 * M)
    return [
        WindowCounts(
            window=window,
            end_ms=(number + 1) * POLICY.pane_ms,
            names=[SERIES[slot] for slot in some.tolist()],
            events=total[some].sum(axis=1),
            slis=np.zeros((len(some), 2, 3), np.int64),
            sums=sums,
            extremes=np.zeros((len(some), 3, 2)),
            quantiles=np.full((len(some), 3, 4), np.nan),
        )
    ]


def stepped(rule: Evaluator, steps: list[Step]) -> list[Verdict]:
    return [verdict for counts, windows in steps for verdict in rule.step(counts, windows, SERIES)]


@every_rule
@half
@given(plan=stretches, seed=st.integers(0, 2**16))
@example(plan=ENDING, seed=1)
def test_quiet_panes_may_be_left_out(kind: str, plan: Stretches, seed: int) -> None:
    steps = list(history(plan, seed))
    rule = RULES[kind]()
    told = []
    for counts, windows in steps:
        heard = windows if kind == "measure" else ()  # The others look at no window of the policy, but keep their own.
        if heard or len(counts.slots) or not rule.quiet:
            told += rule.step(counts, windows, SERIES)
    assert told == stepped(RULES[kind](), steps)


@every_rule
@half
@given(plan=stretches, seed=st.integers(0, 2**16), cut=st.floats(0, 1))
def test_a_saved_rule_goes_on_as_if_it_had_not_been_saved(kind: str, plan: Stretches, seed: int, cut: float) -> None:
    steps = list(history(plan, seed))
    at = int(cut * len(steps))
    rule = RULES[kind]()
    told = stepped(rule, steps[:at])
    again: Evaluator = saved_again(rule)
    assert told + stepped(again, steps[at:]) == stepped(RULES[kind](), steps)


@every_rule
@half
@given(plan=stretches, seed=st.integers(0, 2**16), cut=st.floats(0, 1))
def test_what_is_held_goes_on_under_new_slots(kind: str, plan: Stretches, seed: int, cut: float) -> None:
    """Series that are not held are as good as new; the others are numbered from the last to the first."""
    steps = list(history(plan, seed))
    at = int(cut * len(steps))
    rule = RULES[kind]()
    stepped(rule, steps[:at])
    whole = deepcopy(rule)
    held = rule.held()[::-1] if at else np.zeros(0, np.int64)
    if at:
        rule.only(held)
    new_of = {slot: new for new, slot in enumerate(held.tolist())}
    names = [SERIES[slot] for slot in held.tolist()]
    told = []
    for counts, windows in steps[at:]:
        for slot in counts.slots.tolist():
            if slot not in new_of:
                new_of[slot] = len(names)
                names.append(SERIES[slot])
        slots = np.array([new_of[slot] for slot in counts.slots.tolist()], np.int64)
        order = np.argsort(slots)
        moved = PaneCounts(
            pane=counts.pane,
            slots=slots[order],
            events=counts.events[order],
            slis=counts.slis[order],
            units=counts.units[order],
        )
        told += rule.step(moved, windows, names)
    assert _sorted(told) == _sorted(stepped(whole, steps[at:]))


def _sorted(told: list[Verdict]) -> list[Verdict]:
    return sorted(told, key=lambda verdict: (verdict.pane, verdict.series.version))


@every_rule
def test_these_histories_make_a_rule_say_every_word(kind: str) -> None:
    plan = [(60, 40, 0.0, 3), (60, 40, 0.9, 3), (120, 0, 0.0, 3), (100, 40, 0.0, 3), (60, 1, 0.0, 2)]
    words = {verdict.word for verdict in stepped(RULES[kind](), list(history(plan, 1)))}
    assert words >= ({"OK", "STALE"} if kind == "absence" else {"OK", "BAD"})


@half
@given(plan=stretches, seed=st.integers(0, 2**16))
@example(plan=ENDING, seed=1)
def test_series_of_which_nothing_moves_need_no_look(plan: Stretches, seed: int) -> None:
    """A burn rate looks at the series whose windows move; one that was told to keep some slots looks at all of them."""
    rule, every = RULES["burn_rate"](), RULES["burn_rate"]()
    for counts, windows in history(plan, seed):
        assert rule.step(counts, windows, SERIES) == every.step(counts, windows, SERIES)
        every.only(np.arange(len(SERIES)))
