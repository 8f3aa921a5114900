"""A real model whose world did not change: Massachusetts employment, 2015 as the reference of 2016, no alarm at all."""

from functools import cache

import numpy as np
import pyarrow.parquet as pq
import pytest

from operators.arrays import Floats, Ints
from operators.drift.contract import expectations, findings
from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.summary import summary_of
from operators.profiles.binning import Value, bins_of
from operators.profiles.build import build
from operators.profiles.profile import Profile
from operators.profiles.score_cells import LABELLED, LABELS, SCORED, SCORES
from operators.stats.divergence import psi
from operators.stats.estimated_accuracy import Estimated, estimate
from operators.stats.psi import shift
from operators.stats.welch import fall, scores_of
from tests.real_data.data import folder
from tests.real_data.drifting import alarms, panes

pytestmark = pytest.mark.real_data

ERROR = "error"
FEATURES = (
    "AGEP", "SCHL", "MAR", "RELP", "DIS", "ESP", "CIT", "MIG", "MIL", "ANC", "NATIVITY", "DEAR", "DEYE", "DREM",
    "SEX", "RAC1P",
)  # fmt: skip
WATCHED = (*FEATURES, "prediction", "predicted_probability", ERROR)
# Rows arrive household by household, and neighbours resemble each other: windows of a few hundred really differ.
WINDOWS = [1_000, 5_000, 69_126]


@cache
def year(number: int) -> dict[str, Floats]:
    table = pq.read_table(folder() / "nodrift_ma_employment_2015_2016.parquet")
    of_year = table["year"].to_numpy() == number
    columns = {name: table[name].to_numpy()[of_year].astype(float) for name in table.column_names}
    columns[ERROR] = (columns["prediction"] != columns["employed"]).astype(float)
    return columns


def values(name: str, of: int, rows: slice = slice(None)) -> list[Value]:
    return list(year(of)[name][rows].tolist())


@cache
def profile() -> Profile:
    return build({name: values(name, 2015) for name in WATCHED})


@pytest.mark.parametrize("size", WINDOWS)
def test_no_shift_of_any_feature_prediction_or_error(size: int) -> None:
    for name, field in profile().fields.items():
        bins = bins_of(field, values(name, 2016))[: 69_126 // size * size].reshape(-1, size)
        counts = np.stack([np.bincount(row, minlength=field.bins) for row in bins])
        found = shift(counts, np.array(field.counts))
        assert found.enough.all()
        assert not found.alarm.any(), name


def test_the_whole_year_has_the_published_distance() -> None:
    for name, field in profile().fields.items():
        counts = np.bincount(bins_of(field, values(name, 2016)), minlength=field.bins)
        assert psi(counts, np.array(field.counts)) <= 0.005, name


@pytest.mark.parametrize("size", WINDOWS)
def test_the_contract_of_2015_holds(size: int) -> None:
    for name, expectation in expectations(profile()).items():
        for start in range(0, 69_126 - size + 1, size):
            summary = summary_of(expectation.reference, values(name, 2016, slice(start, start + size)))
            assert list(findings(name, expectation, summary)) == []


@pytest.mark.parametrize("detector", [AdwinDetector, PageHinkleyDetector])
@pytest.mark.parametrize("events", [50, 200, 1_000])
@pytest.mark.parametrize("name", [ERROR, "prediction", "predicted_probability", "AGEP"])
def test_no_change_over_both_years(
    detector: type[AdwinDetector] | type[PageHinkleyDetector], events: int, name: str
) -> None:
    assert alarms(detector(), panes([*year(2015)[name], *year(2016)[name]], events)) == []


def test_no_fall_of_the_accuracy_in_any_thousand() -> None:
    right = 1 - year(2016)[ERROR][:69_000].reshape(-1, 1_000)
    before = 1 - year(2015)[ERROR]
    current = scores_of(np.full(69, 1_000), right.sum(axis=1), (right**2).sum(axis=1))
    baseline = scores_of(np.array([len(before)]), np.array([before.sum()]), np.array([(before**2).sum()]))
    assert not fall(current, baseline).alarm.any()


def _estimated(rows: Ints) -> tuple[Estimated, float]:
    """Return what the labels of 2015 say of some predictions of 2016, and what the labels of these say."""
    known, asked = year(2015), year(2016)
    numbers = known["predicted_probability"] + 1 - known[ERROR]
    labels = np.bincount(bins_of(LABELS, numbers.tolist()), minlength=LABELS.bins)[None, LABELLED]
    scores = asked["predicted_probability"][rows].tolist()
    answers = np.bincount(bins_of(SCORES, scores), minlength=SCORES.bins)[None, SCORED]
    return estimate(answers, labels, 0.99, np.ones(1)), float(1 - asked[ERROR][rows].mean())


def test_quality_is_estimated_before_labels_within_two_points() -> None:
    """Of all windows of 5,000, and of ages among which the share of right answers goes from 0.68 to 1."""
    every, ages = np.arange(65_000), year(2016)["AGEP"]
    windows = list(every.reshape(-1, 5_000))
    chosen = [np.flatnonzero((ages >= low) & (ages < high)) for low, high in ((0, 16), (16, 25), (25, 60), (60, 99))]
    right = []
    for rows in (*windows, *chosen):
        found, said = _estimated(rows)
        assert abs(found.accuracy[0] - said) < 0.02
        right.append(said)
    assert (min(right) < 0.7, max(right) > 0.99) == (True, True)


def test_what_labels_say_lies_within_the_bounds_of_thousands() -> None:
    inside = [
        found.lower[0] <= said <= found.upper[0]
        for found, said in map(_estimated, np.arange(69_000).reshape(-1, 1_000))
    ]
    assert sum(inside) >= 68
