"""Series of the Numenta anomaly benchmark: after the season detectors alarm far less, and hit as much as without."""

from datetime import datetime
from itertools import groupby

import numpy as np
import pytest

from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from tests.real_data.data import read_csv, read_json
from tests.real_data.drifting import Detector, alarms, seasonal_alarms

pytestmark = pytest.mark.real_data


def _time(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


def hits_and_false(detector: type[Detector], *, seasonal: bool) -> tuple[int, int, float]:
    """Return how many labelled windows are hit, and the alarms outside of any, of all series, and their weeks."""
    labels = read_json("nab_labels.json")
    hits = false = 0
    weeks = 0.0
    for file, group in groupby(read_csv("nab_series.csv.gz"), key=lambda row: row["file"]):
        rows = list(group)
        times = np.array([_time(row["timestamp"]) for row in rows])
        values = [float(row["value"]) for row in rows]
        found = seasonal_alarms(detector, times.tolist(), values) if seasonal else alarms(detector(), values)
        at = times[found]
        spans = [(_time(first), _time(last)) for first, last in labels[file]["windows"]]
        inside = np.array([(at >= first) & (at <= last) for first, last in spans]).reshape(len(spans), len(at))
        weeks += float(times[-1] - times[0]) / (7 * 86_400)
        hits, false = hits + int(inside.any(axis=1).sum()), false + int((~inside.any(axis=0)).sum())
    return hits, false, weeks


@pytest.mark.parametrize("detector", [AdwinDetector, PageHinkleyDetector])
def test_false_alarms_every_third_week_and_no_fewer_hits(detector: type[Detector]) -> None:
    before = hits_and_false(detector, seasonal=False)
    hits, false, weeks = hits_and_false(detector, seasonal=True)
    assert hits >= max(before[0], 8)
    assert 38 < weeks < 39
    assert false <= 0.3 * weeks
