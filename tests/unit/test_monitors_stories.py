"""What monitors are for, end to end: a feature changes scale, stands still or disappears, the judge falls."""

from typing import Any

import numpy as np
import pytest

from tests.drifting import START_MS, D, H, Item, M, Run, event, judged_by, policy_of

RNG = np.random.default_rng(20)
REFERENCE: dict[str, list[Any]] = {
    "features.amount": RNG.random(5_000).tolist(),
    "features.card": ["visa", "amex", "visa", "master"] * 1_000,
    "prediction": ["yes", "no", "no"] * 1_000,
}
CONTRACT = '[[monitor]]\nname = "contract"\nkind = "contract"\non = ["features.amount", "features.card"]\n'
PSI = '[[monitor]]\nname = "shift"\nkind = "psi"\non = ["features.amount", "features.card", "prediction"]\n'


def traffic(hours: int, per_hour: int = 600, seed: int = 1, start: int = START_MS, version: str = "v1") -> list[Item]:
    """Events like those of the reference, evenly over time."""
    rng = np.random.default_rng(seed)
    return [
        event(
            start + at * H // per_hour,
            version,
            region=("eu", "us")[at % 2],
            features={"amount": float(rng.random()), "card": str(rng.choice(["visa", "visa", "amex", "master"]))},
            prediction="yes" if rng.random() < 1 / 3 else "no",
        )
        for at in range(hours * per_hour)
    ]


def changed(items: list[Item], name: str, change: Any, after: int) -> list[Item]:
    """The same events with one feature changed from some hour on; None leaves it out."""
    for item in items:
        if item["ts"] >= START_MS + after * H:
            value = change(item["features"].pop(name))
            item["features"] |= {} if value is None else {name: value}
    return items


def found(run: Run) -> set[tuple[str, str, int]]:
    """What is BAD, of which field, and at the end of which hour."""
    return {(drift.method, drift.field, (drift.end - START_MS) // H) for drift in run.bad}


def test_nothing_is_found_where_nothing_changes() -> None:
    run = Run(policy_of(CONTRACT + PSI, REFERENCE), traffic(6))
    assert not run.bad
    psi = [drift for drift in run.drifts if drift.monitor == "shift"]
    assert len(psi) == 6 * 3
    assert {drift.word for drift in psi} == {"OK"}
    assert {(drift.n_current, drift.n_reference) for drift in psi if drift.field == "features.amount"} == {(600, 5_000)}


def test_a_feature_from_0_to_1_becomes_0_to_100() -> None:
    items = changed(traffic(4), "amount", lambda x: 100 * x, after=2)
    run = Run(policy_of(CONTRACT + PSI, REFERENCE), items)
    assert found(run) >= {("scale", "features.amount", 3), ("range", "features.amount", 3)}
    assert {hour for _, _, hour in found(run)} <= {3, 4}
    scale, outside = (next(each for each in run.bad if each.method == method) for method in ("scale", "range"))
    assert scale.score == 100
    first = next(item for item in items if item["ts"] >= START_MS + 2 * H and item["features"]["amount"] > 2)
    assert outside.requests[0] == first["request_id"]
    assert len(outside.requests) == 5
    # A finding is told once, PSI of every window.
    assert [(drift.end - START_MS) // H for drift in run.bad if drift.method == "psi"] == [3, 4]


def test_a_feature_becomes_constant() -> None:
    run = Run(policy_of(CONTRACT, REFERENCE), changed(traffic(3), "amount", lambda _: 0.5, after=1))
    assert ("constant", "features.amount", 2) in found(run)
    assert all(hour == 2 for _, _, hour in found(run))


def test_a_feature_disappears() -> None:
    run = Run(policy_of(CONTRACT + PSI, REFERENCE), changed(traffic(3), "amount", lambda _: None, after=2))
    assert found(run) == {("absent", "features.amount", 3), ("psi", "features.amount", 3)}
    absent = next(drift for drift in run.bad if drift.method == "absent")
    assert (absent.axis, absent.kind, absent.score, len(absent.requests)) == ("input", "covariate", 1.0, 5)


def test_a_new_category_comes_and_goes() -> None:
    items = changed(traffic(4), "card", lambda name: "cash" if name == "amex" else name, after=1)
    for item in items:
        if item["ts"] >= START_MS + 3 * H and item["features"]["card"] == "cash":
            item["features"]["card"] = "amex"
    for privacy, detail in (('[privacy]\nvalues = "full"\n', "cash"), ("", "(not kept)")):
        run = Run(policy_of(CONTRACT + privacy, REFERENCE), items)
        said = [(d.method, d.word, (d.end - START_MS) // H) for d in run.drifts if d.method == "category"]
        assert said == [("category", "BAD", 2), ("category", "OK", 4)]
        assert next(drift for drift in run.bad if drift.method == "category").detail == detail


def test_drift_of_one_slice_is_told_of_that_slice() -> None:
    monitor = PSI + 'slices = ["*", "region"]\n'
    items = traffic(3, 2_000)
    for item in items:
        if item["slices"]["region"] == "us" and item["ts"] >= START_MS + H:
            item["prediction"] = "maybe"
    run = Run(policy_of(monitor, REFERENCE), items)
    assert {drift.series.text for drift in run.bad} == {"*", "region=us"}
    assert {drift.field for drift in run.bad} == {"prediction"}


@pytest.mark.parametrize("sigmas", [2.0, 0.5])
def test_the_judge_mean_falls_within_an_hour(sigmas: float) -> None:
    """By two standard errors and more of the candidate's own scores it is BAD; by half of one it is not."""
    monitor = '[[monitor]]\nname = "judge"\nkind = "sigma"\non = "feedback.judge"\nsigmas = 2.0\n'
    rng = np.random.default_rng(4)
    scores = rng.normal(4, 0.5, (2, 200))
    # Put exactly as far below as it is about.
    error = float(np.hypot(*(scores.std(axis=1, ddof=1) / np.sqrt(200))))
    scores[1] += scores[0].mean() - scores[1].mean() - sigmas * error * 1.05
    events, feedback = [], []
    for version, row in zip(("v1", "v2"), scores, strict=True):
        begin = START_MS + (0 if version == "v1" else 2 * H)
        for at, score in enumerate(row.tolist()):
            events += [event(begin + at * 18_000, version), event(START_MS + 2 * H + at * 18_000 + 1, "v1")]
            feedback.append(judged_by(START_MS + 2 * H + at * 18_000 + 5, score, version))
    release: list[Item] = [
        {"id": "c", "ts": START_MS + 2 * H, "type": "release", "model": "m", "candidate": "v2", "baseline": "v1"}
    ]
    run = Run(policy_of(monitor), events, feedback, release)
    judged = [drift for drift in run.drifts if drift.series.version == "v2"]
    assert [drift.word for drift in judged] == ["BAD" if sigmas > 1 else "OK"]
    assert judged[0].score == pytest.approx(sigmas * 1.05, rel=1e-3)
    assert (judged[0].axis, judged[0].kind, judged[0].end) == ("quality", "concept", START_MS + 3 * H)
    assert all(drift.series.version == "v2" for drift in run.drifts)


@pytest.mark.parametrize("sample", ["share", "report", "floor"])
def test_judgements_that_are_like_no_versions_answers_are_no_drift(sample: str) -> None:
    monitor = '[[monitor]]\nname = "judge"\nkind = "sigma"\non = "feedback.judge"\nsigmas = 2.0\n'
    start = START_MS + 2 * H
    events = [event(start + at * 18_000 + (version == "v1"), version) for at in range(200) for version in ("v1", "v2")]
    feedback = [judged_by(each["ts"] + 5, 4.0 + at % 3 / 2, each["version"]) for at, each in enumerate(events)]
    feedback += [
        judged_by(each["ts"] + 6, 1.0, "v2") | {"sample": sample} for each in events if each["version"] == "v2"
    ]
    release: list[Item] = [
        {"id": "c", "ts": start, "type": "release", "model": "m", "candidate": "v2", "baseline": "v1"}
    ]
    run = Run(policy_of(monitor), events, feedback, release)
    assert [each.word for each in run.drifts if each.series.version == "v2"] == ["BAD" if sample == "share" else "OK"]


def test_a_candidate_is_compared_with_the_baseline_of_the_same_hour() -> None:
    """Both differ from the profile; only what the candidate alone does is drift."""
    monitor = PSI + 'reference = "baseline"\n'
    both = [*traffic(3), *traffic(2, seed=2, start=START_MS + H, version="v2")]
    for item in both:
        item["features"]["amount"] += 5
        if item["version"] == "v2" and item["ts"] >= START_MS + 2 * H:
            item["prediction"] = "yes"
    run = Run(policy_of(monitor, REFERENCE), both)
    assert {drift.series.version for drift in run.drifts} == {"v2"}
    assert {(drift.field, (drift.end - START_MS) // H) for drift in run.bad} == {("prediction", 3)}
    assert all(drift.n_reference == 600 for drift in run.drifts)


def test_this_hour_is_compared_with_that_of_last_week() -> None:
    """The hours of a day differ; what counts is how they were a week before."""
    monitor = PSI + 'reference = "last_week"\n'

    def shaped(items: list[Item]) -> list[Item]:
        for item in items:
            item["features"]["amount"] += item["ts"] // H % 24
        return items

    first = shaped(traffic(5))
    second = shaped(traffic(5, seed=2, start=START_MS + 7 * D))
    for item in second:
        if item["ts"] >= START_MS + 7 * D + 4 * H:
            item["features"]["card"] = "visa"
    run = Run(policy_of(monitor, REFERENCE), [*first, *second])
    early = [drift for drift in run.drifts if drift.end < START_MS + D]
    assert {drift.word for drift in early} == {"INSUFFICIENT"}
    assert found(run) == {("psi", "features.card", 7 * 24 + 5)}
    assert len(run.judge.state.monitors.past.kept) == 5


def test_a_new_version_is_compared_with_what_served_last_week() -> None:
    monitor = PSI + 'reference = "last_week"\n'
    run = Run(policy_of(monitor, REFERENCE), [*traffic(1), *traffic(1, seed=3, start=START_MS + 7 * D, version="v2")])
    late = [drift for drift in run.drifts if drift.series.version == "v2"]
    assert {(drift.word, drift.n_reference) for drift in late} == {("OK", 600)}


@pytest.mark.parametrize("kind", ["adwin", "page_hinkley"])
def test_a_detector_finds_a_rise_of_errors_and_of_latency(kind: str) -> None:
    monitor = f'[[monitor]]\nname = "level"\nkind = "{kind}"\non = ["sli.ok", "latency_ms"]\n'
    rng = np.random.default_rng(6)
    items = []
    for at in range(300 * 20):
        later = at >= 200 * 20
        error = "timeout" if rng.random() < (0.2 if later else 0.02) else None
        items.append(event(START_MS + at * M // 20, error_type=error, latency_ms=float(rng.gamma(4, 50 + 30 * later))))
    run = Run(policy_of(monitor), items)
    learned = [drift for drift in run.drifts if drift.detail.startswith("learned")]
    assert {(drift.field, drift.end) for drift in learned} == {
        ("sli.ok", START_MS + 60 * M), ("latency_ms", START_MS + 60 * M),
    }  # fmt: skip
    alarms = {drift.field: (drift.end - START_MS) // M for drift in run.bad}
    assert alarms.keys() == {"sli.ok", "latency_ms"}
    assert all(200 < minute < 230 for minute in alarms.values())
    assert all("rose" in drift.detail for drift in run.bad)
    assert [drift.word for drift in run.drifts if drift.detail == "no alarm since"] == ["OK", "OK"]


def test_windows_and_profiles_come_out_for_the_store() -> None:
    run = Run(policy_of(CONTRACT + PSI, REFERENCE), traffic(2))
    windows = [window for each in run.monitored for window in each.windows]
    assert [(window.watched.name, (window.end - START_MS) // H) for window in windows] == [
        (name, hour) for hour in (1, 2) for name in ("features.amount", "features.card", "prediction")
    ]
    amounts = [item["features"]["amount"] for item in traffic(2) if item["ts"] < START_MS + H]
    assert windows[0].counts.sum() == 600
    assert windows[0].mean[0] == pytest.approx(np.mean(amounts))
    assert windows[0].sd[0] == pytest.approx(np.std(amounts, ddof=1), rel=1e-5)
    assert (windows[0].low[0], windows[0].high[0]) == (min(amounts), max(amounts))
    profiles = [watched.name for each in run.monitored for watched in each.profiles]
    assert profiles == ["features.amount", "features.card", "prediction"]
