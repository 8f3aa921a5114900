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


def hits_and_false(detector: type[Detector], *, seasonal: bool) -> tuple[int, int]:
    """Return how many labelled windows are hit, and the alarms outside of any, of all series."""
    labels = read_json("nab_labels.json")
    hits = false = 0
    for file, group in groupby(read_csv("nab_series.csv.gz"), key=lambda row: row["file"]):
        rows = list(group)
        times = np.array([_time(row["timestamp"]) for row in rows])
        values = [float(row["value"]) for row in rows]
        found = seasonal_alarms(detector, times.tolist(), values) if seasonal else alarms(detector(), values)
        at = times[found]
        spans = [(_time(first), _time(last)) for first, last in labels[file]["windows"]]
        inside = np.array([(at >= first) & (at <= last) for first, last in spans]).reshape(len(spans), len(at))
        hits, false = hits + int(inside.any(axis=1).sum()), false + int((~inside.any(axis=0)).sum())
    return hits, false


@pytest.mark.parametrize(("detector", "share"), [(AdwinDetector, 0.22), (PageHinkleyDetector, 0.13)])
def test_fewer_false_alarms_and_no_fewer_hits(detector: type[Detector], share: float) -> None:
    before = hits_and_false(detector, seasonal=False)
    after = hits_and_false(detector, seasonal=True)
    assert after[0] >= before[0]
    assert after[1] <= share * before[1]
