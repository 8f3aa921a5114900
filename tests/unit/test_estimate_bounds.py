"""Rules on an SLI that is estimated say no more than its labels show: few of them leave wide bounds, or none at all."""

import msgspec
import numpy as np
import pytest

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.rules.estimate_bounds import EstimateBounds
from operators.rules.pane_counts import ScoreCounts
from operators.rules.registry import evaluators_of
from operators.rules.verdict import Evaluator, Verdict
from operators.stats.calibration import CELLS
from operators.stats.estimated_accuracy import shares_right
from operators.window.watermark import NEVER
from tests.judged import pane_of, policy, versions
from tests.policies import sli
from tests.saving import again

SERIES = 300  # Simulated at once, each a version of its own.
SLI = sli("right", "estimated")
THRESHOLD = '[[rule]]\nname = "r"\nkind = "threshold"\nsli = "right"\ntarget = 0.8\nwindow = "1h"\n'
BURN = '[[rule]]\nname = "r"\nkind = "burn_rate"\nsli = "right"\ntarget = 0.9\n'
TIERS = 'tiers = [{ long = "1h", short = "5m", share = 0.00277777778, severity = "page" }]\n'


def _policy(rule: str) -> Policy:
    """The estimated SLI is the first, where panes made by hand count."""
    return policy(SLI + rule)


def _drawn(random: np.random.Generator, n: int) -> Ints:
    """So many scores of each series, in cells of 0.6 to 1."""
    return random.multinomial(n, np.repeat(1 / 20, 20), SERIES)


def _story(rule: str, labels_n: int, worth: float, seed: int) -> list[str]:
    """What is said first of many series of 5,000 answers each, every one of which is right with a chance of `worth`."""
    random = np.random.default_rng(seed)
    scores = _drawn(random, labels_n)
    right = random.binomial(scores, worth)
    labels = np.zeros((SERIES, 2 * CELLS), np.int64)
    labels[:, 30:50], labels[:, CELLS + 30 :] = scores - right, right
    answers = np.zeros((SERIES, CELLS), np.int64)
    answers[:, 30:] = _drawn(random, 5_000)
    good = np.floor((answers * shares_right(labels)).sum(axis=1)).astype(np.int64)
    evaluator = _evaluator(rule)
    _step(evaluator, 1_000, 0 * good, 0 * good, labels, 0 * answers)
    return [each.word for each in _step(evaluator, 1_001, good, 5_000 - good, 0 * labels, answers)]


def _evaluator(rule: str) -> Evaluator:
    (evaluator,), _, _ = evaluators_of(_policy(rule))
    return evaluator


def _step(evaluator: Evaluator, pane: int, good: Ints, bad: Ints, labels: Ints, answers: Ints) -> list[Verdict]:
    number = [each.name for each in policy(SLI).slis].index("right")
    counts = pane_of(pane, np.arange(SERIES), np.ones(SERIES, np.int64), bad)
    slis = np.zeros((SERIES, number + 1, 3), np.int64)
    slis[:, number, 0], slis[:, number, 1] = good, bad
    scores = ScoreCounts(answers=answers, labels=labels)
    return evaluator.step(msgspec.structs.replace(counts, slis=slis, scores=scores), (), versions(SERIES))


@pytest.mark.parametrize(("rule", "limit"), [(THRESHOLD, 0.8), (BURN + TIERS, 0.8)])
def test_an_sli_that_is_as_it_should_be_is_not_bad_for_few_labels(rule: str, limit: float) -> None:
    """At the very limit, estimated from 500 labels: counts alone call a third BAD, and a third OK."""
    words = _story(rule, 500, limit, seed=1)
    assert words.count("BAD") <= 3
    assert words.count("OK") <= 3


@pytest.mark.parametrize("rule", [THRESHOLD, BURN + TIERS])
def test_what_labels_show_is_found(rule: str) -> None:
    assert _story(rule, 20_000, 0.75, seed=2).count("BAD") >= 0.99 * SERIES
    assert _story(rule, 2_000, 0.65, seed=2).count("BAD") >= 0.99 * SERIES
    assert _story(rule, 2_000, 0.92, seed=2).count("OK") >= 0.99 * SERIES


@pytest.mark.parametrize("rule", [THRESHOLD, BURN + TIERS])
@pytest.mark.parametrize(("worth", "now", "word"), [(0.92, 0.5, "OK"), (0.65, 0.99, "BAD")])
def test_labels_of_the_window_that_contradict_it_are_believed(rule: str, worth: float, now: float, word: str) -> None:
    """Answers of a score are less often right than they were, or more often: of that no estimate knows."""
    said = []
    for own in (0, 300):
        labels, came = np.zeros((2, SERIES, 2 * CELLS), np.int64)
        answers = np.zeros((SERIES, CELLS), np.int64)
        labels[:, CELLS + 40], labels[:, 40] = round(worth * 3_000), round((1 - worth) * 3_000)
        came[:, CELLS + 40], came[:, 40] = round(now * own), round((1 - now) * own)
        answers[:, 40] = 5_000
        good = np.full(SERIES, round(worth * 5_000))
        evaluator = _evaluator(rule)
        _step(evaluator, 1_000, 0 * good, 0 * good, labels, 0 * answers)
        said.append([each.word for each in _step(evaluator, 2_000, good, 5_000 - good, came, answers)])
    assert said == [[word] * SERIES, []]


@pytest.mark.parametrize("rule", [THRESHOLD, BURN + TIERS])
def test_labels_that_are_as_they_were_contradict_nothing_when_they_fade(rule: str) -> None:
    """So many came in the window that all count half: those of it, too, or few would be left of those before."""
    random, evaluator = np.random.default_rng(4), _evaluator(rule)
    for pane, n in ((1_000, 52_000), (2_000, 49_000)):
        labels, answers = np.zeros((SERIES, 2 * CELLS), np.int64), np.zeros((SERIES, CELLS), np.int64)
        labels[:, CELLS + 40] = random.binomial(n, 0.92, SERIES)
        labels[:, 40] = n - labels[:, CELLS + 40]
        answers[:, 40] = 5_000 * (pane == 2_000)
        good = np.round(0.92 * answers[:, 40]).astype(np.int64)
        words = [each.word for each in _step(evaluator, pane, good, answers[:, 40] - good, labels, answers)]
    assert words.count("OK") >= 0.97 * SERIES


def test_evidence_is_as_unsure_as_the_estimate() -> None:
    random = np.random.default_rng(3)
    evaluator = _evaluator(THRESHOLD)
    labels, answers = np.zeros((SERIES, 2 * CELLS), np.int64), np.zeros((SERIES, CELLS), np.int64)
    labels[:, CELLS + 40], labels[:, 40] = 360, 140
    answers[:, 40] = 5_000
    good = np.full(SERIES, 3_600) + random.integers(0, 2, SERIES)
    _step(evaluator, 1_000, good, 5_000 - good, labels, answers)
    word, evidence = evaluator.current(0, versions(SERIES))
    assert evidence is not None
    assert (word, evidence.good) == ("BAD", good[0])
    # By counts alone it lay within 1.5 points of 72 %.
    assert 0.66 < (evidence.lower or 0) < 0.68
    assert 0.76 < (evidence.upper or 1) < 0.78


def _blocks(bounds: EstimateBounds, panes: list[int], slots: Ints) -> None:
    for pane in panes:
        answers, labels = np.zeros((len(slots), CELLS), np.int64), np.zeros((len(slots), 2 * CELLS), np.int64)
        answers[:, pane % CELLS], labels[:, CELLS + pane % CELLS] = 1, 1
        counts = pane_of(pane, slots, np.ones(len(slots), np.int64), np.zeros(len(slots), np.int64))
        counts = msgspec.structs.replace(counts, scores=ScoreCounts(answers=answers, labels=labels))
        bounds.grow(int(slots.max()) + 1)
        bounds.push(counts, slots, np.arange(len(slots)))


def test_scores_are_of_the_window_and_at_most_a_twelfth_more() -> None:
    bounds = EstimateBounds(120, 10_000)
    for first in (0, 500):
        for pane in range(first, first + 400):
            _blocks(bounds, [pane], np.arange(1))
            n = int(bounds.answers.sum())
            assert min(pane - first + 1, 120) <= n <= 130
    assert bounds.labels.sum() == 800


def test_what_is_saved_goes_on_and_what_is_old_is_forgotten() -> None:
    bounds = EstimateBounds(12, 100)
    _blocks(bounds, list(range(40)), np.array([0, 2]))
    saved = again(bounds)
    for each in (bounds, saved):
        _blocks(each, [41, 50], np.array([2, 3]))
        assert each.held().tolist() == [True, False, True, True]
    assert [a.tolist() for a in bounds.of(np.arange(4), 0.9)] == [a.tolist() for a in saved.of(np.arange(4), 0.9)]
    _blocks(bounds, [139], np.array([3]))
    assert bounds.held().tolist() == [False, False, True, True]
    bounds.only(np.array([2, 3]))
    _blocks(bounds, [151], np.array([0]))
    assert bounds.labels.sum(axis=1).tolist() == [1, 3]
    assert bounds.seen.tolist() == [151, 139]
    assert EstimateBounds(12, 100).seen.tolist() == [] != [NEVER]


def test_labels_fade() -> None:
    bounds = EstimateBounds(12, 100)
    bounds.grow(1)
    counts = pane_of(1, np.arange(1), np.ones(1, np.int64), np.zeros(1, np.int64))
    for pane in (1, 2):
        labels = np.full((1, 2 * CELLS), 800)
        scores = ScoreCounts(answers=np.zeros((1, CELLS), np.int64), labels=labels)
        bounds.push(msgspec.structs.replace(counts, pane=pane, scores=scores), np.arange(1), np.arange(1))
    assert bounds.labels.sum() == bounds.came.sum() == 80_000


def test_what_came_fades_with_what_was_before() -> None:
    bounds = EstimateBounds(12, 100)
    bounds.grow(1)
    counts = pane_of(1, np.arange(1), np.ones(1, np.int64), np.zeros(1, np.int64))
    for pane, n in ((0, 600), (20, 200), (21, 101), (22, 100)):
        labels = np.full((1, 2 * CELLS), n)
        scores = ScoreCounts(answers=np.zeros((1, CELLS), np.int64), labels=labels)
        bounds.push(msgspec.structs.replace(counts, pane=pane, scores=scores), np.arange(1), np.arange(1))
    assert bounds.labels.sum() == 50_100  # Half of 1,001, rounded up, in each cell.
    assert bounds.came.sum(axis=(0, 2)).tolist() == [0] * 7 + [10_000, 5_100, 5_000] + [0] * 3


def test_without_labels_nothing_is_known() -> None:
    bounds = EstimateBounds(12, 100)
    bounds.grow(2)
    lower, upper = bounds.of(np.arange(2), 0.99)
    assert (lower.tolist(), upper.tolist()) == ([0.0, 0.0], [1.0, 1.0])
