"""Known changes of public series are found in time, and none before; where nothing changed, nothing is found."""

import gzip
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.stats.welch import Scores, fall, scores_of
from tests.real_data.data import folder, read_csv, read_json
from tests.real_data.drifting import alarms, gpt4_scores, panes, raw_alarms, sine1_errors

pytestmark = pytest.mark.real_data

both = pytest.mark.parametrize("detector", [AdwinDetector, PageHinkleyDetector])
SINE1_CHANGES = [20_000, 40_000, 60_000, 80_000]


def change_points() -> Any:
    return msgspec.json.decode(gzip.decompress((folder() / "changepoints_tcpd.json.gz").read_bytes()))


def river_results(prefix: str) -> dict[str, Any]:
    streams = read_json("oracle_drift_river.json")["streams"]
    (results,) = [stream["results"] for stream in streams if stream["stream"].startswith(prefix)]
    return {name: result["detections"] for name, result in results.items()}


def oracle_streams() -> dict[str, list[float]]:
    nab = read_csv("nab_series.csv.gz")
    values = {
        name: [float(row["value"]) for row in nab if row["file"].endswith(f"/{name}.csv")]
        for name in ("ec2_request_latency_system_failure", "elb_request_count_8c0756")
    }
    points = change_points()
    return {
        "llmdrift prime": gpt4_scores("prime"),
        "llmdrift composite": gpt4_scores("composite"),
        "tornado": (1 - sine1_errors()).tolist(),
        "nab ec2": values["ec2_request_latency_system_failure"],
        "nab elb": values["elb_request_count_8c0756"],
        **{f"tcpd quality_control_{n}": points[f"quality_control_{n}"]["series"][0]["raw"] for n in (1, 2)},
    }


def test_detectors_with_rivers_settings_give_rivers_published_positions() -> None:
    for prefix, values in oracle_streams().items():
        assert {
            "ADWIN(delta=0.002)": raw_alarms(AdwinDetector(0.002, clock=32), values),
            "ADWIN(delta=0.0001)": raw_alarms(AdwinDetector(0.0001, clock=32), values),
            "PageHinkley(min_instances=30,delta=0.005,threshold=50,alpha=0.9999,mode=both)": raw_alarms(
                PageHinkleyDetector(0.005, 50.0, alpha=0.9999), values
            ),
        } == river_results(prefix), prefix


@both
@pytest.mark.parametrize("events", [5, 10, 25, 50])
def test_sine1_every_change_within_500_events_and_none_before(
    detector: type[AdwinDetector] | type[PageHinkleyDetector], events: int
) -> None:
    found = [(at + 1) * events - 1 for at in alarms(detector(), panes(sine1_errors(), events))]
    assert len(found) == 4
    assert all(change < at < change + 500 for change, at in zip(SINE1_CHANGES, found, strict=True)), found


def test_sine1_event_by_event() -> None:
    """ADWIN's home range is 0 .. 1, so single errors need no scale."""
    found = raw_alarms(AdwinDetector(), sine1_errors().tolist())
    assert len(found) == 4
    assert all(change < at < change + 100 for change, at in zip(SINE1_CHANGES, found, strict=True)), found


@both
@pytest.mark.parametrize("learned_from", [30, 60, 90])
@pytest.mark.parametrize(("series", "first", "last"), [("quality_control_1", 143, 160), ("quality_control_2", 97, 140)])
def test_quality_control_changes_once(
    detector: type[AdwinDetector] | type[PageHinkleyDetector], series: str, first: int, last: int, learned_from: int
) -> None:
    """Five annotators put the change of the first at 143 .. 146, of the second at 97 .. 99."""
    found = alarms(detector(), change_points()[series]["series"][0]["raw"], learned_from)
    assert len(found) == 1
    assert first <= found[0] <= last


@both
@pytest.mark.parametrize("learned_from", [30, 60, 90])
def test_bank_never_changes(detector: type[AdwinDetector] | type[PageHinkleyDetector], learned_from: int) -> None:
    """Its values follow each other closely: without the scale for that, Page-Hinkley alarms four times."""
    assert alarms(detector(), change_points()["bank"]["series"][0]["raw"], learned_from) == []


@both
@pytest.mark.parametrize("dataset", ["prime", "composite"])
def test_gpt4_changed_between_march_and_june(
    detector: type[AdwinDetector] | type[PageHinkleyDetector], dataset: str
) -> None:
    """On primes from .976 to .024, on composites from .704 to .998; the mean of both hides half of it."""
    found = [(at + 1) * 5 - 1 for at in alarms(detector(), panes(gpt4_scores(dataset), 5))]
    assert len(found) == 1
    assert 500 <= found[0] < 800


def test_gpt4_changed_answer_by_answer() -> None:
    assert [raw_alarms(AdwinDetector(), gpt4_scores(dataset)) for dataset in ("prime", "composite")] == [[516], [627]]


@pytest.mark.parametrize(("dataset", "worse"), [("prime", True), ("composite", False)])
def test_gpt4_of_june_is_below_its_baseline_on_primes_only(dataset: str, worse: bool) -> None:
    scores = np.array(gpt4_scores(dataset)).reshape(2, 500)
    march, june = (_scores(part) for part in scores)
    assert fall(june, march).alarm.tolist() == [worse]
    # 30 answers are enough to see it.
    assert fall(_scores(scores[1, :30]), march).alarm.tolist() == [worse]


def _scores(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Scores:
    return scores_of(np.array([len(values)]), np.array([values.sum()]), np.array([(values**2).sum()]))
