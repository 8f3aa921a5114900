"""Calibration: what the monitor calls bad, its bound, and the demo's second version, which is sure of wrong answers."""

from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from flows.demo.serve import BASELINE, CANDIDATE
from flows.demo.traffic import Traffic
from flows.demo.world import World
from operators.policy.errors import PolicyError
from operators.stats.calibration import CELLS, calibration_error, reliability, surely
from tests.drifting import START_MS, Item, Run, event, policy_of

MONITOR = '[[monitor]]\nname = "calibrated"\nkind = "calibration"\nwindow = "1h"\nerror_max = 0.05\n'


def _labels(count: int, right: Any, seed: int = 1, version: str = "v1") -> list[Item]:
    """So many labels in an hour of answers between 0.5 and 1; `right` of a confidence says how often it is right."""
    random = Random(seed)
    found = []
    for number in range(count):
        score = random.uniform(0.5, 1.0)
        answer = {"kind": "label", "prediction": "yes", "score": score}
        answer["value"] = "yes" if random.random() < right(score) else "no"
        found.append(event(START_MS + number * (3_500_000 // count), version, **answer))
    return found


def _run(labels: list[Item], monitor: str = MONITOR) -> Run:
    return Run(policy_of(monitor), [event(START_MS), event(START_MS + 3_700_000)], labels)


def test_a_model_that_is_as_often_right_as_it_says_is_well() -> None:
    (drift,) = _run(_labels(3_000, lambda score: score)).drifts
    assert (drift.word, drift.n_current, drift.method) == ("OK", 3_000, "calibration")
    assert drift.score is not None
    assert drift.score < 0.03


def test_one_that_is_surer_than_right_is_bad_with_its_bins() -> None:
    labels = _labels(3_000, lambda score: score - 0.2)
    (drift,) = _run(labels).drifts
    assert drift.word == "BAD"
    assert drift.score == pytest.approx(0.2, abs=0.02)
    last = [each for each in labels if each["score"] >= 0.9]
    right = sum(each["value"] == "yes" for each in last)
    assert drift.detail.split(", ")[-1] == f"0.9-1: {right} of {len(last)} right at 0.95"


def test_few_labels_and_those_without_confidence_decide_nothing() -> None:
    (drift,) = _run(_labels(99, lambda score: 0.0)).drifts
    assert drift.word == "INSUFFICIENT"
    without: list[Item] = [{**each, "score": None} for each in _labels(500, lambda score: 0.0)]
    assert _run(without).drifts == []
    judged = [{**each, "kind": "judge", "value": 1} for each in _labels(500, lambda score: 0.0)]
    assert _run(judged).drifts == []


def test_slices_and_versions_are_told_apart() -> None:
    labels = [*_labels(400, lambda score: score), *_labels(400, lambda score: 0.3, version="v2")]
    words = {drift.series.version: drift.word for drift in _run(labels).drifts}
    assert words == {"v1": "OK", "v2": "BAD"}


def test_the_bound_is_above_the_true_error_as_seldom_as_it_says() -> None:
    """Right three points less often than said, and the limit is those three points."""
    random = np.random.default_rng(3)
    wrong = 0
    for _ in range(300):
        cells = random.integers(25, CELLS, 2_000)
        right = random.random(2_000) < (cells + 0.5) / CELLS - 0.03
        counts = np.bincount(cells + CELLS * right, minlength=2 * CELLS)[None, :]
        wrong += int(surely(counts, 0.05)[0] > 0.03)
        assert surely(counts, 0.05)[0] <= calibration_error(counts)[0]
    assert wrong <= 0.05 * 300
    n, _, confidence = reliability(np.zeros((1, 2 * CELLS), np.int64))
    assert (n.sum(), confidence[0, 0]) == (0, pytest.approx(0.05))
    assert np.isnan(calibration_error(np.zeros((1, 2 * CELLS), np.int64)))[0]


def test_the_second_version_of_the_demo_fails_where_its_input_is_wrong() -> None:
    """Both versions are less sure than they could be, by 8 points; v2 in one region is sure of wrong answers."""
    traffic = Traffic(World(start_ms=START_MS, requests=24_000))
    while not traffic.ended:
        traffic.serve()
    labels: list[Item] = [msgspec.json.decode(line) | {"model": "m"} for line in traffic.labels()]
    monitor = MONITOR.replace("0.05", "0.1") + 'slices = ["*", "region"]\n'
    found = {(drift.series.version, drift.series.text): drift for drift in _run(labels, monitor).drifts}
    assert {place for place, drift in found.items() if drift.word != "OK"} == {(CANDIDATE, "region=eu")}
    assert {version for version, _ in found} == {BASELINE, CANDIDATE}
    worst = found[CANDIDATE, "region=eu"]
    assert worst.word == "BAD"
    assert worst.score == pytest.approx(0.22, abs=0.03)


def test_it_has_no_fields_to_name() -> None:
    with pytest.raises(PolicyError, match="on"):
        policy_of(MONITOR + 'on = "score"\n')
