"""The questions about drift, asked of what the job wrote for traffic whose story is known, against plain Python."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.profiles.build import build
from operators.rows.verdicts import outcome_rows
from operators.stats.divergence import psi
from tests.conftest import MIGRATIONS, migrated
from tests.drifting import START_MS, H, Item, Run, event, policy_of

QUERIES = MIGRATIONS / "queries"
FILES = ("feature_distribution", "prediction_scores", "training_vs_serving", "psi_by_slice", "drift_before_rollback")
HOURS = 4
START = datetime.fromtimestamp(START_MS / 1000, UTC)
DAY = {"from": START, "to": START + timedelta(days=1)}
RNG = np.random.default_rng(11)
PROFILE = build(
    {
        "features.card": ["visa", "visa", "amex", "master", "visa"] * 400,
        "score": RNG.random(2_000).tolist(),
    }
)
MONITORS = """
[[monitor]]
name = "shift"
kind = "psi"
on = ["features.card", "score"]
slices = ["*", "region"]

[[monitor]]
name = "contract"
kind = "contract"
on = "features.card"

[[rule]]
name = "drifted"
kind = "drift"
monitors = ["shift"]
action = "rollback"
"""
CARDS = ["visa", "visa", "amex", "master", "visa"]


def _events() -> list[Item]:
    """Two versions alike for two hours; then the candidate's cards in the US become cash, and some have no card."""
    rng = np.random.default_rng(12)
    items = []
    for at in range(HOURS * 1_200):
        ts, version, region = START_MS + at * 3_000, ("v1", "v2")[at % 2], ("eu", "us")[at % 4 // 2]
        features: dict[str, Any] = {"card": CARDS[at // 4 % 5]}
        if version == "v2" and region == "us" and ts >= START_MS + 2 * H:
            features["card"] = "cash"
        if at % 250 == 0:
            features = {}
        items.append(event(ts, version, region=region, features=features, score=float(rng.random())))
    return items


EVENTS = _events()
RELEASE = {"id": "c", "ts": START_MS, "type": "release", "model": "m", "candidate": "v2", "baseline": "v1"}
LABELS = ["amex", "master", "visa", "(missing)", "(unseen)"]


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    policy = policy_of(MONITORS, PROFILE)
    run = Run(policy, EVENTS, commands=[RELEASE])
    with migrated(tmp_path_factory.mktemp("drift")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for judged in run.judged:
            for rows in outcome_rows(judged, policy):
                inserter.add(rows)
        inserter.flush()
        yield embedded.client


def _ask(client: Client, file: str, **params: Any) -> list[dict[str, Any]]:
    assert file in FILES
    return list(client.query((QUERIES / f"{file}.sql").read_text(), params).named_results())


def _time(hour: float) -> datetime:
    # The driver gives UTC without a zone.
    return (START + timedelta(hours=hour)).replace(tzinfo=None)


def _cards(version: str, first: int, last: int, region: str | None = None) -> list[int]:
    """How many events of these hours have which card, in the order of LABELS."""
    found = Counter(
        item["features"].get("card", "(missing)")
        for item in EVENTS
        if item["version"] == version
        and START_MS + first * H <= item["ts"] < START_MS + last * H
        and region in (None, item["slices"]["region"])
    )
    return [found[label] for label in LABELS[:-1]] + [found["cash"]]


@pytest.mark.parametrize("step", [1, 2])
def test_the_distribution_of_a_field_over_time(client: Client, step: int) -> None:
    asked = {"field": "features.card", "slice": "*", "window_s": 3_600, "step_s": step * 3_600}
    rows = _ask(client, "feature_distribution", model="m", **asked, **DAY)
    expected = [
        (_time(hour), version, label, n, n / sum(counts))
        for hour in range(0, HOURS, step)
        for version in ("v1", "v2")
        for counts in [_cards(version, hour, hour + step)]
        for label, n in zip(LABELS, counts, strict=True)
    ]
    got = [(row["time"], row["version"], row["label"], row["n"], row["share"]) for row in rows]
    assert got == expected
    assert {row["profile"] for row in rows} == {PROFILE.name}


def test_of_one_slice_and_a_part_of_the_time(client: Client) -> None:
    asked = {"field": "features.card", "slice": "region=us", "window_s": 3_600, "step_s": 3_600}
    part = {"from": START + timedelta(hours=2), "to": START + timedelta(hours=3)}
    rows = _ask(client, "feature_distribution", model="m", **asked, **part)
    assert [row["n"] for row in rows] == _cards("v1", 2, 3, "us") + _cards("v2", 2, 3, "us")
    assert _ask(client, "feature_distribution", model="m", **{**asked, "window_s": 60}, **part) == []


def test_the_histogram_of_scores_over_time(client: Client) -> None:
    rows = _ask(client, "prediction_scores", model="m", window_s=3_600, step_s=7_200, **DAY)
    assert [(row["time"], row["version"]) for row in rows] == [(_time(h), v) for h in (0, 2) for v in ("v1", "v2")]
    edges = PROFILE.fields["score"].edges
    for row in rows:
        first = START_MS if row["time"] == _time(0) else START_MS + 2 * H
        scores = [e["score"] for e in EVENTS if e["version"] == row["version"] and first <= e["ts"] < first + 2 * H]
        counts = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1).tolist()
        assert row["edges"] == pytest.approx(edges)
        assert row["n"] == counts
        assert row["shares"] == pytest.approx([n / sum(counts) for n in counts])
        assert row["missing"] == 0


def test_training_beside_serving(client: Client) -> None:
    asked = {"field": "features.card", "slice": "*", "window_s": 3_600}
    rows = _ask(client, "training_vs_serving", model="m", **asked, **DAY)
    training = PROFILE.fields["features.card"].counts
    for version in ("v1", "v2"):
        mine = [row for row in rows if row["version"] == version]
        serving = _cards(version, 0, HOURS)
        assert [row["label"] for row in mine] == LABELS
        assert [row["training"] for row in mine] == list(training)
        assert [row["serving"] for row in mine] == serving
        assert [row["training_share"] for row in mine] == pytest.approx([n / sum(training) for n in training])
        assert [row["serving_share"] for row in mine] == pytest.approx([n / sum(serving) for n in serving])
        expected = float(psi(np.array(serving), np.array(training)))
        assert sum(row["psi_part"] for row in mine) == pytest.approx(expected)


def test_psi_by_slice(client: Client) -> None:
    rows = _ask(client, "psi_by_slice", model="m", field="features.card", **DAY)
    assert {(row["version"], row["slice"]) for row in rows} == {
        (version, text) for version in ("v1", "v2") for text in ("*", "region=eu", "region=us")
    }
    worst = rows[0]
    assert (worst["version"], worst["slice"], worst["windows"], worst["bad"]) == ("v2", "region=us", HOURS, 2)
    training = np.array(PROFILE.fields["features.card"].counts)
    scores = [float(psi(np.array(_cards("v2", hour, hour + 1, "us")), training)) for hour in range(HOURS)]
    assert worst["worst"] == pytest.approx(max(scores))
    assert worst["last"] == pytest.approx(scores[-1])
    assert worst["worst_at"] in (_time(3), _time(4))
    assert worst["against"] == "profile"
    every = _ask(client, "psi_by_slice", model="m", field="", **DAY)
    assert len(every) == 12
    assert {row["windows"] for row in every} == {HOURS}, "also of slices that say the same again"


def test_scores_of_every_window_are_kept_in_few_rows(client: Client) -> None:
    found = "SELECT monitor, field, version, slice, window_end, verdict, score, threshold, n_current FROM {}"
    wanted = sorted(
        (
            drift.monitor, drift.field, drift.series.version, drift.series.text,
            datetime.fromtimestamp(drift.end / 1000, UTC).replace(tzinfo=None),
            drift.word, drift.score, drift.threshold, drift.n_current,
        )
        for drift in Run(policy_of(MONITORS, PROFILE), EVENTS, commands=[RELEASE]).drifts
    )  # fmt: skip
    assert sorted(tuple(row) for row in client.query(found.format("drift_scores")).result_rows) == wanted
    assert len(client.query(found.format("drift_latest")).result_rows) < 0.7 * len(wanted)
    summed = "SELECT sum(ok), sum(bad), sum(insufficient), countIf(worst_field = '') FROM drift_window_latest"
    words = Counter(row[5] for row in wanted if row[0] == "shift")
    assert client.query(summed).result_rows == [(words["OK"], words["BAD"], words["INSUFFICIENT"], 0)]


def test_the_page_shows_a_slice_over_time(client: Client) -> None:
    asked = {"model": "m", "slice": "region=eu", **DAY, "columns": 24, "count": 60}

    def rows_of(file: str) -> list[dict[str, Any]]:
        return list(client.query((MIGRATIONS / "page" / file).read_text(), asked).named_results())

    assert Counter((row["field"], row["version"]) for row in rows_of("drift_map.sql")) == {
        (field, version): HOURS for field in ("features.card", "score") for version in ("v1", "v2")
    }
    assert rows_of("drift.sql") == []  # Of what is no PSI, and of this slice there is nothing else.


def test_what_drifted_before_a_rollback(client: Client) -> None:
    rows = _ask(client, "drift_before_rollback", model="", within_s=7_200)
    assert rows
    assert {(row["rolled_back"], row["rolled_back_at"], row["rule"]) for row in rows} == {("v2", _time(3), "drifted")}
    assert {(row["version"], row["same_version"]) for row in rows} == {("v2", 1)}
    assert {(row["monitor"], row["method"], row["slice"]) for row in rows} == {
        ("shift", "psi", "*"), ("shift", "psi", "region=us"), ("contract", "category", "*"),
    }  # fmt: skip
    assert {row["before_s"] for row in rows} == {0}
    category = next(row for row in rows if row["method"] == "category")
    first = next(item for item in EVENTS if item["features"].get("card") == "cash")
    assert first["request_id"] in category["requests"]
    assert _ask(client, "drift_before_rollback", model="other", within_s=7_200) == []
