"""Employment in Massachusetts through the command line: a profile of 2015, a replay of both years, and no alarm.

The world of 2016 is that of 2015 (NannyML, US Census): none of 16 features, prediction, score, label and error ratio
moves. The monitors are those of a policy as a user would write it, with default settings.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.policies import base
from tests.real_data.data import folder
from tests.real_data.replayed import Item, Replayed, lines, reference_built, replayed

pytestmark = pytest.mark.real_data

POLICY = (
    base("SEX", pane="1m", disorder="2m", tumbling=["1h"], measures=["score"])
    + """
[drift]
profile = "profile.json"
[sli.correct]
good = "label_matches"
[sli.right]
good = "estimated"
[[monitor]]
name = "guess"
kind = "estimated"
slices = ["*", "SEX"]
[[monitor]]
name = "shift"
kind = "psi"
on = "*"
[[monitor]]
name = "contract"
kind = "contract"
[[monitor]]
name = "mean"
kind = "sigma"
on = "score"
reference = "profile"
[[monitor]]
name = "adwin"
kind = "adwin"
on = ["sli.correct", "score"]
learned_from = 50
slices = ["*", "SEX"]
[[monitor]]
name = "page-hinkley"
kind = "page_hinkley"
on = ["sli.correct", "score"]
learned_from = 50
slices = ["*", "SEX"]
[[rule]]
name = "drifted"
kind = "drift"
monitors = ["shift", "contract", "mean", "adwin", "page-hinkley", "guess"]
"""
)


def _people() -> tuple[list[Item], list[Item]]:
    table = pq.read_table(folder() / "nodrift_ma_employment_2015_2016.parquet")
    names = [name for name in table.column_names if name.isupper()]
    events, labels = [], []
    at = {year: int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (2015, 2016)}
    for row in table.to_pylist():
        ts = at[row["year"]] = at[row["year"]] + 50
        known: Item = {"request_id": str(row["id"]), "ts": ts, "model": "employment", "version": "1"}
        known |= {"slices": {"SEX": str(row["SEX"])}, "prediction": str(row["prediction"])}
        known["score"] = row["predicted_probability"]
        events.append(known | {"features": {name: row[name] for name in names}})
        labels.append(known | {"kind": "label", "value": str(row["employed"]), "request_ts": ts})
    return events, labels


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    here = tmp_path_factory.mktemp("employment")
    events, labels = _people()
    files = lines(here / "e.ndjson", events), "--feedback", lines(here / "f.ndjson", labels)
    reference_built(here / "profile.json", *files, "--until", "2016-01-01T00:00:00Z", "--residual")
    (here / "policy.toml").write_text(POLICY)
    with replayed(here, str(here / "policy.toml"), {"people": events}, labels) as store:
        yield store


def test_a_world_that_did_not_change_alarms_nobody(store: Replayed) -> None:
    rows = store.rows("SELECT * FROM drift_latest")
    assert not [row for row in rows if row["verdict"] == "BAD"]
    psi = [row for row in rows if row["method"] == "psi"]
    # 16 features and their residual, prediction, score and label, in both years.
    assert len(psi) == 20 * 2
    assert max(row["score"] for row in psi) < 0.01
    assert {row["monitor"] for row in rows if row["detail"].startswith("learned")} == {"adwin", "page-hinkley"}
    assert store.summary["control"] == {}


def test_training_beside_serving_has_every_person(store: Replayed) -> None:
    asked = {"model": "employment", "field": "features.AGEP", "slice": "*", "window_s": 3_600}
    sql = (Path(__file__).parents[2] / "infra/clickhouse/queries/training_vs_serving.sql").read_text()
    year = {"from": datetime(2016, 1, 1, tzinfo=UTC), "to": datetime(2017, 1, 1, tzinfo=UTC)}
    rows = store.rows(sql, asked | year)
    assert sum(row["training"] for row in rows) == 68_785
    assert sum(row["serving"] for row in rows) == 69_126
    assert sum(row["psi_part"] for row in rows) < 0.01


def test_the_quality_of_2016_is_estimated_from_the_labels_of_2015(store: Replayed) -> None:
    """Within two points of what the labels of 2016 say, of all and by sex, by the monitor and by the SLI."""
    since = datetime(2016, 1, 1, tzinfo=UTC)
    told = store.rows(
        "SELECT slice, sli, good / (good + bad) AS share, good + bad AS n FROM sli_window_latest "
        "WHERE kind = 'tumbling' AND window_start = {since:DateTime64(3, 'UTC')} AND slice IN ('*', 'SEX=1', 'SEX=2')",
        {"since": since},
    )
    share = {(row["slice"], row["sli"]): row["share"] for row in told}
    assert all(row["n"] > 33_000 for row in told)
    found = {
        row["slice"]: row
        for row in store.rows("SELECT * FROM drift_latest WHERE method = 'estimated'")
        if row["score"] == row["score"]
    }
    assert found.keys() == {"*", "SEX=1", "SEX=2"}
    for slice_, row in found.items():
        assert row["window_start"].replace(tzinfo=UTC) == since
        assert row["verdict"] == "OK"
        assert abs(row["score"] - share[slice_, "correct"]) < 0.02
        assert abs(share[slice_, "right"] - share[slice_, "correct"]) < 0.02
    query = (Path(__file__).parents[2] / "infra/clickhouse/queries/estimated_quality.sql").read_text()
    year = {"from": since, "to": datetime(2017, 1, 1, tzinfo=UTC)}
    (row,) = store.rows(query, {"model": "employment", "window_s": 3_600} | year)
    assert (row["answers"], row["labels"], row["labels_so_far"]) == (69_126, 69_126, 68_785)
    assert row["accuracy"] == share["*", "correct"]
