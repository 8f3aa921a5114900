"""Quality before labels: what is estimated from scores is what labels say later, or nothing is said."""

from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.drift.monitors import Monitors
from operators.policy.errors import PolicyError
from operators.profiles.binning import number_bins
from operators.profiles.score_cells import LABELS, SCORED, SCORES
from operators.release.estimated_evidence import ESTIMATE
from operators.release.sentence import sentence
from operators.stats.calibration import CELLS
from operators.stats.estimated_accuracy import contradicted, estimate
from operators.window.label_cells import LABELS_MAX, LabelCells
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.partial import BAD, GOOD, NEITHER
from tests.drifting import START_MS, H, Item, Run, event, policy_of
from tests.policies import sli, table
from tests.saving import again

MONITOR = '[[monitor]]\nname = "guess"\nkind = "estimated"\n'
SLI = sli("right", "estimated", labels_min=400)
RULE = (
    '[[rule]]\nname = "quality"\nkind = "threshold"\nsli = "right"\ntarget = 0.75\nwindow = "1h"\nconfidence = 0.95\n'
)


def _answers(
    hour: int, count: int, low: float, high: float, *, labelled: bool, right: Any = lambda score: score, seed: int = 1
) -> tuple[list[Item], list[Item]]:
    """So many answers of an hour with scores in between, and labels that call a score of 0.8 right in 8 of 10."""
    random = Random(f"{seed} {hour}")
    events, labels = [], []
    for number in range(count):
        score = round(random.uniform(low, high), 2)
        said: Item = {"prediction": "yes", "score": score, "region": random.choice(["eu", "us"])}
        ts = START_MS + hour * H + number * (H // count)
        events.append(event(ts, **said))
        value = "yes" if random.random() < right(score) else "no"
        labels.append(event(ts, kind="label", value=value, **said))
    return events, labels if labelled else []


def _story(*hours: tuple[list[Item], list[Item]]) -> tuple[list[Item], list[Item]]:
    return [item for events, _ in hours for item in events], [item for _, labels in hours for item in labels]


def _run(*hours: tuple[list[Item], list[Item]], more: str = MONITOR, **options: Any) -> Run:
    events, labels = _story(*hours)
    return Run(policy_of(more), [*events, event(START_MS + 5 * H)], labels, **options)


def test_scores_of_two_digits_lie_in_one_cell_right_or_wrong() -> None:
    scores = np.arange(100) / 100
    cells = number_bins(LABELS.edges, scores)
    assert (number_bins(LABELS.edges, scores + 1.0) - CELLS == cells).all()
    assert (number_bins(SCORES.edges, scores) - SCORED.start == cells).all()
    assert number_bins(SCORES.edges, np.array([-0.1, 0.0, 1.0, 1.1])).tolist() == [0, 1, CELLS, CELLS + 1]


def test_what_labels_say_later_lies_within_the_bounds() -> None:
    """Scores move, and what a score is worth stays: 300 times another 600 labels, and 1,000 answers without any."""
    random = np.random.default_rng(5)
    outside = 0
    for _ in range(300):
        known = random.beta(5, 3, 600)
        worth = np.where(random.random(600) < known**2, 1.0, 0.0)
        labels = np.bincount(number_bins(LABELS.edges, known + worth), minlength=LABELS.bins)[None, : 2 * CELLS]
        scores = random.beta(4, 3, 1_000)
        answers = np.bincount(number_bins(SCORES.edges, scores), minlength=SCORES.bins)[None, SCORED]
        found = estimate(answers, labels, 0.95, np.ones(1))
        later = (random.random(1_000) < scores**2).mean()
        assert found.upper[0] - found.lower[0] < 0.25
        outside += int(not found.lower[0] <= later <= found.upper[0])
    assert outside <= 0.05 * 300


@pytest.mark.parametrize(
    ("seldom", "worth", "answered"),
    [
        (0.0, (0.0, 0.997), 0.0),  # Nearly all are right: most calibrations have no wrong label at all.
        (0.0, (0.0, 0.003), 0.0),
        (0.003, (0.4, 0.92), 0.5),  # A label or two of scores that half of the answers have now.
    ],
)
def test_bounds_hold_of_few_labels_and_of_rare_ones(seldom: float, worth: tuple[float, float], answered: float) -> None:
    """300 times: at most one in a hundred may lie outside, of bounds at 99 %, and what chance adds to that."""
    random = np.random.default_rng(6)
    outside = 0
    for _ in range(300):
        low = random.random(600) < seldom
        right = random.random(600) < np.where(low, *worth)
        labels = np.bincount(np.where(low, 15, 45) + CELLS * right, minlength=2 * CELLS)[None]
        now = random.random(1_000) < answered
        answers = np.bincount(np.where(now, 15, 45), minlength=CELLS)[None]
        found = estimate(answers, labels, 0.99, np.ones(1))
        later = (random.random(1_000) < np.where(now, *worth)).mean()
        outside += int(not found.lower[0] <= later <= found.upper[0])
    assert outside <= 8


def test_what_scores_were_worth_is_forgotten_once_no_label_comes_any_more() -> None:
    cells = LabelCells()
    cells.add([("a",)], np.ones((1, 2 * CELLS), np.int64), 10)
    cells.add([("a",)], np.zeros((1, 2 * CELLS), np.int64), 20)
    cells.forget(15)
    assert not cells.of([("a",)]).any()


def test_scores_without_any_label_may_be_worth_anything() -> None:
    labels, answers = np.zeros((1, 2 * CELLS), np.int64), np.zeros((1, CELLS), np.int64)
    labels[0, CELLS + 45] = 900
    answers[0, 5] = 1_000
    found = estimate(answers, labels, 0.99, np.ones(1))
    assert (found.lower[0], found.upper[0]) == (0.0, 1.0)
    assert np.isnan(estimate(answers, 0 * labels, 0.99, np.ones(1)).accuracy[0])


def test_lower_scores_are_found_before_any_label_comes() -> None:
    run = _run(
        _answers(0, 2_000, 0.3, 1.0, labelled=True),
        _answers(1, 2_000, 0.3, 1.0, labelled=False),
        _answers(2, 2_000, 0.3, 0.7, labelled=False),
    )
    first, same, lower = (drift for drift in run.drifts if drift.n_current > 1)
    assert (first.word, first.score, first.n_reference) == ("INSUFFICIENT", None, 0)
    assert (same.word, lower.word) == ("OK", "BAD")
    assert same.n_reference == lower.n_reference == 2_000
    # As the labels say that nobody has seen: a score of 0.8 is right in 8 of 10.
    assert same.score == pytest.approx(0.65, abs=0.02)
    assert lower.score == pytest.approx(0.5, abs=0.03)
    assert lower.expected == pytest.approx(0.65, abs=0.02)


def test_few_labels_say_nothing() -> None:
    run = _run(_answers(0, 499, 0.6, 1.0, labelled=True), _answers(1, 700, 0.0, 0.3, labelled=False))
    assert {drift.word for drift in run.drifts} == {"INSUFFICIENT"}


def test_scores_that_are_no_confidence_are_scored_of() -> None:
    """Percentages said nothing at all, and so did a model whose scores no longer came."""
    hours = [_answers(hour, 600, 0.6, 1.0, labelled=not hour) for hour in range(3)]
    for item in hours[1][0]:
        item["score"] = 100 * item["score"]
    for item in hours[2][0]:
        del item["score"]
    _, percents, none = (drift for drift in _run(*hours).drifts if drift.end <= START_MS + 3 * H)
    for drift in (percents, none):
        assert (drift.word, drift.score, drift.n_current, drift.n_reference) == ("INSUFFICIENT", None, 0, 600)
        assert drift.detail == "600 of 600 answers without a score from 0 to 1"
    assert not _run(hours[2]).drifts, "a model that has no scores"


def test_what_a_score_is_worth_may_change_and_only_labels_see_it() -> None:
    """Concept drift: the same scores are right half as often. The labels of the window contradict: nothing is sure."""
    run = _run(
        _answers(0, 2_000, 0.6, 1.0, labelled=True),
        _answers(1, 2_000, 0.6, 1.0, labelled=True, right=lambda score: score / 2),
        _answers(2, 2_000, 0.6, 1.0, labelled=False),
    )
    _, blind, learned = (drift for drift in run.drifts if drift.n_current > 1)
    assert (blind.word, round(blind.score or 0, 1)) == ("INSUFFICIENT", 0.8)
    assert blind.detail.startswith("between 0.0000 and 0.8")
    right = int(blind.detail.split("; ")[1].split(" of ")[0])
    assert right / 2_000 == pytest.approx(0.4, abs=0.03)
    assert learned.score == pytest.approx(0.6, abs=0.03)


def test_it_is_the_same_however_the_log_is_cut_and_wherever_it_stops() -> None:
    hours = _answers(0, 450, 0.6, 1.0, labelled=True), _answers(1, 300, 0.3, 0.9, labelled=True)
    texts = [
        _run(*hours, more=SLI + MONITOR + RULE, batch=batch, restart=restart).text()
        for batch, restart in ((10_000, False), (77, True))
    ]
    assert texts[0] == texts[1]


class _Counted(Run):
    """What closed panes hold of the SLI: good, bad and neither by hour and region."""

    def _push(self, closed: Closed) -> None:
        self.found = getattr(self, "found", {})
        part = closed.on_time
        if part is not None:
            at = [each.name for each in self.policy.slis].index("right")
            for which, counts in zip(part.which.tolist(), part.slis[:, at], strict=True):
                key = (closed.pane // 60 - START_MS // H, part.series[which].values[0])
                self.found[key] = self.found.get(key, 0) + counts


def test_the_sli_counts_what_is_expected_in_every_slice() -> None:
    hours = _answers(0, 2_000, 0.3, 1.0, labelled=True), _answers(1, 2_000, 0.3, 0.9, labelled=False)
    events, labels = _story(*hours)
    found = _Counted(policy_of(SLI), events, labels).found
    for region in ("eu", "us"):
        n = sum(item["slices"]["region"] == region for item in hours[1][0])
        good, bad, neither = found[1, region][[GOOD, BAD, NEITHER]].tolist()
        assert (good + bad, neither) == (n, 0)
        assert good / n == pytest.approx(0.6, abs=0.03)
    # Until there are 400 labels nothing is good or bad.
    first = found[0, "eu"] + found[0, "us"]
    assert first.sum() == 2_000
    assert 400 <= first[NEITHER] < 400 + 2_000 // 60 + 1


def test_the_sli_leaves_out_scores_that_no_label_had() -> None:
    hours = _answers(0, 2_000, 0.6, 1.0, labelled=True), _answers(1, 2_000, 0.0, 0.5, labelled=False)
    found = _Counted(policy_of(SLI), *_story(*hours)).found
    counts = found[1, "eu"] + found[1, "us"]
    assert counts[[GOOD, BAD, NEITHER]].tolist() == [0, 0, 2_000]


def test_saved_panes_go_on_with_what_they_learned() -> None:
    policy = policy_of(SLI)
    panes = Panes(policy)
    panes.estimating._labels.add([("m", "v1")], np.full((1, 2 * CELLS), 5), START_MS)
    gone_on = Panes(policy, again(panes.save()))
    assert gone_on.estimating._labels.of([("m", "v1")]).sum() == 10 * CELLS
    older = msgspec.structs.replace(panes.save(), labels=None)
    assert not Panes(policy, again(older)).estimating._labels.counts


def test_labels_of_long_ago_fade_and_versions_that_are_gone_are_forgotten() -> None:
    cells = LabelCells()
    cells.add([("a",), ("b",)], np.eye(2, 2 * CELLS, dtype=np.int64) * LABELS_MAX, 10)
    cells.add([("a",), ("c",)], np.eye(2, 2 * CELLS, dtype=np.int64) * np.array([[2], [0]]), 20)
    assert cells.of([("a",), ("b",), ("c",)])[:, :2].tolist() == [[LABELS_MAX // 2 + 1, 0], [0, LABELS_MAX], [0, 0]]
    cells.forget(15)
    assert cells.counts.keys() == {("a",)}


def test_a_threshold_judges_it_before_labels() -> None:
    hours = _answers(0, 2_000, 0.6, 1.0, labelled=True), _answers(1, 2_000, 0.6, 0.7, labelled=False)
    verdicts = [verdict for each in _run(*hours, more=SLI + RULE).judged for verdict in each.verdicts]
    words = [verdict.word for verdict in verdicts if verdict.series.text == "*"]
    assert (words[0], "BAD" in words) == ("OK", True)
    # Rows of verdicts have this evidence: in words, and as a field.
    for verdict in verdicts:
        assert (verdict.evidence.estimated, verdict.evidence.reason) == (True, ESTIMATE)


def test_events_on_it_say_that_it_is_an_estimate() -> None:
    hours = _answers(0, 2_000, 0.6, 1.0, labelled=True), _answers(1, 2_000, 0.6, 0.7, labelled=False)
    rule = RULE + 'action = "rollback"\n'
    events = [
        each for judged in _run(*hours, more=SLI + rule).judged for each in judged.events if each.rule == "quality"
    ]
    assert events
    for each in events:
        assert each.evidence.estimated
        assert all((of.evidence.estimated, of.evidence.reason) == (True, ESTIMATE) for of in each.slices)
        assert "estimated from scores, by earlier labels; no label says so yet" in sentence(each)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        (SLI + '[[rule]]\nname = "c"\nkind = "canary"\nslis = ["right"]\n', "slis"),
        (SLI + '[[rule]]\nname = "p"\nkind = "parity"\nsli = "right"\nslices = ["region"]\n', "sli"),
        (SLI + sli("both", "all_of", slis=["ok", "right"]), "sli.both.slis"),
        (sli("right", "estimated", ignore=["timeout"]), "sli.right.ignore"),
        (sli("right", "estimated", labels_min=0), "sli.right.labels_min"),
        (MONITOR + 'on = "score"\n', "on"),
        (MONITOR + "fall_max = 2\n", "fall_max"),
    ],
)
def test_what_makes_no_sense_is_refused(more: str, key: str) -> None:
    with pytest.raises(PolicyError, match=key):
        policy_of(more)


def test_a_release_is_not_promoted_by_estimates() -> None:
    """No rule that compares versions, and so none that promotes, takes an estimated SLI."""
    with pytest.raises(PolicyError, match="is estimated"):
        policy_of(SLI + table("rule", name="c", kind="canary", slis=["right"]).replace("[rule]", "[[rule]]"))


def test_a_change_of_the_sli_is_one_of_what_the_model_says() -> None:
    policy = policy_of(SLI + '[[monitor]]\nname = "moved"\nkind = "adwin"\non = ["sli.right", "sli.ok"]\n')
    kinds = [changes._kind for changes in Monitors(policy).state.changes]
    assert kinds == ["prediction", "operational"]


@pytest.mark.parametrize(("worth", "n"), [(0.99, 3), (0.99, 10), (0.999, 100), (0.9, 1_000)])
def test_few_labels_contradict_scores_by_chance_no_more_often_than_said(worth: float, n: int) -> None:
    """One of ten is wrong in a tenth of all cases where one in a hundred is."""
    random = np.random.default_rng(1)
    before, came = np.zeros((2, 4_000, 2 * CELLS), np.int64)
    for labels, many in ((before, 20_000), (came, n)):
        labels[:, CELLS + 45] = random.binomial(many, worth, 4_000)
        labels[:, 45] = many - labels[:, CELLS + 45]
    found = estimate(1_000 * (before[:, :CELLS] > 0), before, 0.99, np.ones(4_000))
    opened = contradicted(found, came, before, 0.99)
    assert (opened.lower < found.lower).mean() < 0.0075
    assert (opened.upper > found.upper).mean() < 0.0075
