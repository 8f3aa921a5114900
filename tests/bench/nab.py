"""Prints, as Markdown, which labelled windows of the NAB series the detectors hit, and their alarms outside of any.

`python -m tests.bench.nab`. Default settings on every value in turn. The scale is learned from the first 15 % of a
series, which NAB itself gives detectors to learn from (A. Lavin, S. Ahmad, 2015, "Evaluating Real-time Anomaly
Detection Algorithms", ICMLA), and beside it from the first 60 values, less than a day, as the product does; then, as
it does too, on what the season leaves.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import numpy as np

from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.detectors.standard import LEARNED_FROM
from tests.real_data.data import read_csv, read_json
from tests.real_data.drifting import alarms, seasonal_alarms

PROBATION = 0.15


def main() -> None:
    print(
        "| series | values | labelled windows | "
        + " | ".join(f"{name}: hit, false" for name, *_ in (*CASES, *SEASONAL))
        + " |"
    )
    print("|---" * (3 + len(CASES) + len(SEASONAL)) + "|")
    labels = read_json("nab_labels.json")
    for file, rows in groupby(read_csv("nab_series.csv.gz"), key=lambda row: row["file"]):
        print(_row(file, list(rows), labels[file]["windows"]))


CASES = [
    ("ADWIN", AdwinDetector, None),
    ("Page-Hinkley", PageHinkleyDetector, None),
    (f"ADWIN, from {LEARNED_FROM}", AdwinDetector, LEARNED_FROM),
    (f"Page-Hinkley, from {LEARNED_FROM}", PageHinkleyDetector, LEARNED_FROM),
]
SEASONAL = [("ADWIN after the season", AdwinDetector), ("Page-Hinkley after the season", PageHinkleyDetector)]


def _row(file: str, rows: Sequence[dict[str, str]], windows: Sequence[Sequence[str]]) -> str:
    times = np.array([_time(row["timestamp"]) for row in rows])
    values = [float(row["value"]) for row in rows]
    spans = [(_time(first), _time(last)) for first, last in windows]
    cells: list[Any] = [file.partition("/")[2].removesuffix(".csv"), len(values), len(spans)]
    found = [alarms(made(), values, learned or int(PROBATION * len(values))) for _, made, learned in CASES]
    found += [seasonal_alarms(made, times.tolist(), values) for _, made in SEASONAL]
    for at in (times[each] for each in found):
        inside = np.array([(at >= first) & (at <= last) for first, last in spans]).reshape(len(spans), len(at))
        cells.append(f"{inside.any(axis=1).sum()}, {(~inside.any(axis=0)).sum()}")
    return "| " + " | ".join(map(str, cells)) + " |"


def _time(text: str) -> float:
    return datetime.fromisoformat(f"{text}+00:00").timestamp()


if __name__ == "__main__":
    main()
