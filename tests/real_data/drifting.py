"""Series of public data as a job would see them: means of panes, standardised by what came first."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow.parquet as pq

from operators.arrays import Floats
from operators.drift import adwin_monitor, page_hinkley_monitor
from operators.drift.change_monitor import Watch
from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.detectors.standard import LEARNED_FROM, Standardiser
from operators.window.series_index import SliceSeries
from tests.real_data.data import folder, read_csv

Detector = AdwinDetector | PageHinkleyDetector


def panes(values: Iterable[float], events: int) -> list[float]:
    """Return the means of `events` values each; a rest is left out."""
    column = np.asarray(list(values), float)
    whole = column[: len(column) // events * events].reshape(-1, events)
    return list(np.nanmean(whole, axis=1).tolist())


def alarms(detector: Detector, values: Sequence[float], learned_from: int = LEARNED_FROM) -> list[int]:
    """Return the positions at which a detector with a scale learned from the first values alarms."""
    standardiser, found = Standardiser(learned_from=learned_from), list[int]()
    for at, value in enumerate(values):
        standard = [detector.update(x) for x in standardiser.update(value)]
        found += [at] * sum(alarm is not None for alarm in standard)
    return found


def seasonal_alarms(fresh: type[Detector], times: Sequence[float], values: Sequence[float]) -> list[int]:
    """Return the positions at which a detector alarms as the product runs it: on what the season leaves.

    `times` are in seconds.
    """
    watch = watch_of(fresh)
    lengths = (adwin_monitor if fresh is AdwinDetector else page_hinkley_monitor).KIND.wanders
    pairs = enumerate(zip(times, values, strict=True))
    return [at for at, (time, value) in pairs if watch.step(value, int(time * 1000), fresh, lengths) is not None]


def watch_of(fresh: type[Detector]) -> Watch:
    """Return a detector on one series as the product runs it."""
    return Watch(standardiser=Standardiser(), detector=fresh(), series=SliceSeries("m", "v", "*", {}))


def raw_alarms(detector: Detector, values: Sequence[float]) -> list[int]:
    """Return the positions at which a detector alarms on the values as they are."""
    return [at for at, value in enumerate(values) if detector.update(value) is not None]


def sine1_errors() -> Floats:
    """Return 0 or 1 for each row of tornado sine1: whether the concept it starts with is wrong.

    The frozen model says "p" where y <= sin(x).
    """
    table = pq.read_table(folder() / "drift_tornado_sine1_101.parquet")
    predicted = table["y"].to_numpy() <= np.sin(table["x"].to_numpy())
    wrong = predicted != (np.array(table["class"].to_pylist()) == "p")
    return np.asarray(wrong, float)


def gpt4_scores(dataset: str) -> list[float]:
    """Return the scores of GPT-4 on one data set: 500 answers of March, then 500 of June."""
    rows = read_csv("llmdrift_prime.csv.gz")
    return [
        float(row["score"])
        for version in ("0314", "0613")
        for row in rows
        if row["model"] == f"openaichat/gpt-4-{version}" and row["dataset"] == dataset
    ]
