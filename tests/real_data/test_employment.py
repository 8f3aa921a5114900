"""SQL on a replay of 137,911 predictions and their labels gives the accuracy of every slice exactly.

Massachusetts employment in 2015 and 2016 from the US Census (PUMS), with the predictions that NannyML ships.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.real_data.data import folder
from tests.real_data.replayed import Item, Replayed, replayed

pytestmark = pytest.mark.real_data

MODEL = "employment"
COLUMNS = ["id", "year", "SEX", "RAC1P", "prediction", "employed", "predicted_probability"]
YEARS = (2015, 2016)
PREDICTIONS = [68_785, 69_126]


def _start(year: int) -> datetime:
    return datetime(year, 1, 1, tzinfo=UTC)


def _columns() -> dict[str, NDArray[np.generic]]:
    table = pq.read_table(folder() / "nodrift_ma_employment_2015_2016.parquet", columns=COLUMNS)
    return {name: table[name].to_numpy() for name in COLUMNS}


def _items() -> tuple[list[Item], list[Item]]:
    """Return events and labels: an hour from the start of each year, in the order of the rows."""
    columns = _columns()
    order = np.concatenate([np.arange(n) for n in PREDICTIONS])
    start = np.array([_start(year).timestamp() * 1000 for year in YEARS], np.int64)
    times = start[np.searchsorted(YEARS, columns["year"])] + order * 50
    events, labels = [], []
    rows = zip(times.tolist(), *(columns[name].tolist() for name in COLUMNS), strict=True)
    for ts, number, year, sex, race, prediction, employed, probability in rows:
        request = {
            "request_id": str(number),
            "ts": ts,
            "model": MODEL,
            "version": "1",
            "slices": {"year": str(year), "SEX": str(sex), "RAC1P": str(race)},
            "prediction": prediction,
            "score": probability,
        }
        events.append(request)
        labels.append({**request, "kind": "label", "value": employed, "request_ts": ts})
    return events, labels


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    events, labels = _items()
    with replayed(tmp_path_factory.mktemp("employment"), "employment.toml", {"people": events}, labels) as store:
        yield store


def _counts(*names: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return (right, wrong) by the values of the named columns, counted with NumPy."""
    columns = _columns()
    right = columns["prediction"] == columns["employed"]
    keys = np.stack([columns[name].astype(np.int64) for name in names], axis=1)
    slices, which = np.unique(keys, axis=0, return_inverse=True)
    good, n = (np.bincount(which.ravel(), weights=weights).astype(int) for weights in (right, np.ones(len(right))))
    return {
        tuple(map(str, key)): (hits, total - hits)
        for key, hits, total in zip(slices.tolist(), good.tolist(), n.tolist(), strict=True)
    }


@pytest.mark.parametrize("by", [["year"], ["SEX"], ["RAC1P"], ["year", "SEX", "RAC1P"]], ids="-".join)
def test_right_predictions_are_counted_exactly_by_slice(store: Replayed, by: list[str]) -> None:
    rows = store.ask("success_ratio", {"model": MODEL, "sli": "correct", "by": by})
    assert {tuple(row["slice"]): (row["good"], row["bad"]) for row in rows} == _counts(*by)
    assert sum(row["good"] + row["bad"] for row in rows) == 137_911


@pytest.mark.parametrize("year", YEARS)
def test_a_range_of_time_gives_a_year(store: Replayed, year: int) -> None:
    asked = {"model": MODEL, "sli": "correct", "by": ["SEX", "RAC1P"]}
    rows = store.ask("success_ratio", asked, (_start(year), _start(year + 1)))
    of_year = {key[1:]: counts for key, counts in _counts("year", "SEX", "RAC1P").items() if key[0] == str(year)}
    assert {tuple(row["slice"]): (row["good"], row["bad"]) for row in rows} == of_year


def test_windows_hold_every_label(store: Replayed) -> None:
    rows = store.rows(
        "SELECT dims['RAC1P'] AS race, sum(good) AS good, sum(bad) AS bad FROM sli_window_latest "
        "WHERE sli = 'correct' AND slice LIKE 'RAC1P=%' GROUP BY race"
    )
    assert {(row["race"],): (row["good"], row["bad"]) for row in rows} == _counts("RAC1P")


def test_every_label_is_stored_with_its_request(store: Replayed) -> None:
    rows = store.ask("quality_by_request_hour", {"model": MODEL, "kind": "label"})
    assert [(row["hour"].year, row["requests"], row["labelled"], row["maturity"]) for row in rows] == [
        (year, n, n, 1.0) for year, n in zip(YEARS, PREDICTIONS, strict=True)
    ]
    right = [good for good, _ in _counts("year").values()]
    assert [round(row["agreement"] * row["labelled"]) for row in rows] == right
