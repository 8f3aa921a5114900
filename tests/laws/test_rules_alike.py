"""Rules stepped in one pass say what each says by itself, whatever restarts, other slots, later rules come between."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from operators.rules.alike import RulePasses
from operators.rules.burn_rate import BurnRateEvaluator
from operators.rules.threshold import Threshold, ThresholdEvaluator
from operators.rules.verdict import Evaluator, Verdict
from tests.judged import M
from tests.laws.test_rules import BURN, POLICY, SERIES, Step, Stretches, history, stepped, stretches
from tests.saving import again

LIMITS = ((0.5, 0, 0.99), (0.9, M, 0.99), (0.9, 0, 0.5), (0.95, M // 2, 0.9), (0.999, 0, 0.99))
LATER = 2  # Rules that are in the policy only after the restart.


def rules() -> list[Evaluator]:
    """Five that are alike, one of another window, one on slices that do not come, one of another kind."""
    alike = [
        Threshold(name=f"t{at}", sli="ok", target=target, window_ms=2 * M, for_ms=lasting, confidence=sure)
        for at, (target, lasting, sure) in enumerate(LIMITS)
    ]
    others = [
        Threshold(name="long", sli="ok", target=0.9, window_ms=5 * M),
        Threshold(name="region", sli="ok", target=0.9, window_ms=2 * M, grains=((0,),)),
    ]
    each = [*alike[:LATER], *others, *alike[LATER:]]
    return [*(ThresholdEvaluator(rule, POLICY) for rule in each), BurnRateEvaluator(BURN, POLICY)]


def told(evaluators: Sequence[Evaluator], steps: Sequence[Step], *, alike: bool) -> list[list[Verdict]]:
    """What each says, in order, where they are stepped together or one by one; and where they then stand."""
    together, said = RulePasses(evaluators), [list[Verdict]() for _ in evaluators]
    for counts, windows in steps:
        if alike:
            each = together.step(counts, windows, SERIES)
            assert together.still_until(()) == min(one.still_until() for one in evaluators)
        else:
            each = [stepped(one, [(counts, windows)]) for one in evaluators]
        for so_far, some in zip(said, each, strict=True):
            so_far.extend(some)
    assert together.quiet == all(each.quiet for each in evaluators)
    return said


def lived(steps: Sequence[Step], at: int, *, alike: bool) -> list[object]:
    """All that is said, and what each rule says of each series in the end."""
    evaluators = rules()
    late, early = evaluators[:LATER], evaluators[LATER:]
    said = told(early, steps[:at], alike=alike)
    evaluators = [*late, *(again(each) for each in early)]
    if at:
        for each in evaluators[LATER:]:
            each.only(np.arange(len(SERIES)))
    rest = told(evaluators, steps[at:], alike=alike)
    now = [each.current(slot, SERIES) for each in evaluators for slot in range(len(SERIES))] if steps[at:] else []
    return [*said, *rest, *now]


@given(plan=stretches, seed=st.integers(0, 2**16), cut=st.floats(0, 1))
@settings(max_examples=max(settings().max_examples // 10, 1))
def test_rules_that_are_alike_say_what_each_says_alone(plan: Stretches, seed: int, cut: float) -> None:
    steps = list(history(plan, seed))
    at = int(cut * len(steps))
    assert lived(steps, at, alike=True) == lived(steps, at, alike=False)


def test_rules_are_told_apart_by_what_they_look_at_and_have_seen() -> None:
    evaluators = rules()
    together = RulePasses(evaluators)
    assert [len(each.rules) for each in together._passes] == [len(LIMITS)]
    stepped(evaluators[0], list(history([(30, 8, 0.1, 3)], 1)))
    assert [len(each.rules) for each in RulePasses(evaluators)._passes] == [len(LIMITS) - 1]
