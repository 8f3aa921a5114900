"""What the page says of scores and labels: reliability by version, and how much is labelled by now."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import binomtest

from flows.page.asked import Asked
from flows.page.html import page
from flows.page.store import Store
from flows.page.svg import svg
from flows.page.views.scores import scores
from tests.conftest import migrated

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, tzinfo=UTC)
COLUMNS = ["model", "version", "slice", "request_id", "kind", "ts", "request_ts", "value", "prediction", "score", "ver"]
WINDOW = ["model", "version", "slice", "kind", "size_ms", "window_start", "window_end", "requests", "ver"]
N = 2_000
RNG = np.random.default_rng(5)
SCORES = RNG.uniform(0.5, 1.0, N)
RIGHT = RNG.random(N) < np.where(SCORES > 0.9, 0.7, SCORES)  # Too sure where it is surest.


def label(number: int, after_s: int, right: bool) -> list[Any]:
    asked = START + timedelta(seconds=number)
    came = asked + timedelta(seconds=after_s)
    return ["m", "v2", "*", f"r{number}", "label", came, asked, "a" if right else "b", "a", SCORES[number], 1]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with migrated(tmp_path_factory.mktemp("scores")) as embedded:
        labels = [label(n, 60, right) for n, right in enumerate(RIGHT)]
        # Of the first request another label came before that one: the last counts.
        embedded.client.insert("feedback", [*labels, label(0, 30, not RIGHT[0])], column_names=COLUMNS)
        minutes = [START + timedelta(minutes=number) for number in range(41)]
        embedded.client.insert(
            "outcome_window",
            [["m", "v2", "*", "tumbling", 60_000, *ends, 120, 120] for ends in pairwise(minutes)],
            column_names=[
                "model",
                "version",
                "slice",
                "kind",
                "size_ms",
                "window_start",
                "window_end",
                "requests",
                "ver",
            ],
        )
        embedded.client.insert("progress", [["s", minutes[-1], 1, 1]], column_names=["shard", "at", "requests", "ver"])
        with closing(Store(embedded.url)) as store:
            yield store


def test_bins_have_their_counts_and_intervals(store: Store) -> None:
    rows = scores(store, Asked(model="m"))["rows"]
    assert [row["bin"] for row in rows] == [0.5, 0.6, 0.7, 0.8, 0.9]
    for row in rows:
        mine = np.minimum(np.floor(SCORES * 10), 9) / 10 == row["bin"]
        assert (row["n"], row["right"]) == (mine.sum(), RIGHT[mine].sum())
        assert row["mean_score"] == pytest.approx(SCORES[mine].mean())
        wilson = binomtest(row["right"], row["n"]).proportion_ci(method="wilson")
        assert (row["lower"], row["upper"]) == pytest.approx((wilson.low, wilson.high))
    gaps = [abs(row["right"] - row["n"] * row["mean_score"]) for row in rows]
    assert rows[0]["calibration_error"] == pytest.approx(sum(gaps) / N)


def test_a_version_that_is_too_sure_lies_under_the_line(store: Store) -> None:
    shown = scores(store, Asked(model="m"))
    (chart,) = [each for each in shown["charts"] if each.name == "reliability"]
    ideal, drawn = chart.lines
    assert ideal.points == [(0, 0.0), (1_000, 100.0)]
    assert drawn.points[-1][1] < drawn.points[-1][0] / 10 - 15
    root = ElementTree.fromstring(svg(chart))  # noqa: S314
    said = [each.findtext("title") for each in root.iter("circle")]
    assert said == [f"v2: {row['right']} of {row['n']} right" for row in shown["rows"]]
    assert [each.text for each in root.iter("text")][-6:] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert "its scores are off by" in page("scores", asked=Asked(model="m"), path="/", may=frozenset(), **shown)


def test_what_is_not_labelled_yet_is_seen(store: Store) -> None:
    (chart,) = [each for each in scores(store, Asked(model="m"))["charts"] if each.name == "labelled"]
    (line,) = chart.lines
    shares = [value for _, value in line.points]
    assert shares[:33] == pytest.approx([50.0] * 33)  # One of two requests a second.
    assert shares[34:] == [0.0] * 6
