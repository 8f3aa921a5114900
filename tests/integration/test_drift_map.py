"""The heat map of drift: the worst fields first, small however many there are, gaps where nothing is stored."""

import gzip
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flows.page.asked import Asked
from flows.page.html import page
from flows.page.store import Row, Store
from flows.page.views.drift import COLUMNS, FIELDS, LINES, drift, drift_map
from tests.conftest import migrated

pytestmark = pytest.mark.integration

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
FEATURES, HOURS, SLICES = 100, 24, 50 if PROVE else 5
BEGAN_MS = 1_772_409_600_000
HOUR_MS = 3_600_000
QUESTION_S = 0.1
ROWS = (Path(__file__).parent / "drifted_fields.sql").read_text()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with migrated(tmp_path_factory.mktemp("drift")) as embedded:
        for statement in ROWS.replace("SLICES", str(SLICES)).split(";"):
            embedded.client.command(statement)
        with closing(Store(embedded.url)) as store:
            yield store


def shown(store: Store, **asked: object) -> Row:
    return drift(store, Asked(model="m", **asked))  # type: ignore[arg-type]


def test_what_drifts_comes_first_then_what_is_furthest_from_its_reference(store: Store) -> None:
    found = shown(store, slice="region=r2")["map"]
    assert [line["field"] for line in found["lines"][:6:2]] == ["features.f7", "features.f9", "features.f99"]
    assert [line["version"] for line in found["lines"][:2]] == ["v1", "v2"]
    assert [cell["shade"] for cell in found["lines"][1]["cells"]] == [0] * 12 + [4] * 12
    assert {cell["score"] for cell in found["lines"][1]["cells"]} == {0.007, 0.61}
    assert found["lines"][2]["cells"][19]["shade"] == 3
    assert found["ends"] == [BEGAN_MS + hour * HOUR_MS for hour in range(1, HOURS + 1)]


def test_the_map_is_small_whatever_there_is(store: Store) -> None:
    found = shown(store)
    lines = found["map"]["lines"]
    assert (len(lines), len(lines[0]["cells"])) == (LINES, COLUMNS)
    assert LINES <= 2 * FIELDS
    assert found["map"]["more"] == FEATURES - LINES // 2
    html = page("drift", asked=Asked(model="m"), path="/", may=frozenset(), **found).encode()
    assert len(html) <= 150_000
    assert len(gzip.compress(html, 6)) <= 20_000


def test_steps_of_time_are_as_long_as_the_range_needs(store: Store) -> None:
    """A cell is the furthest of its windows; a range of a few hours has the windows themselves."""
    whole = shown(store, slice="region=r2", begin=BEGAN_MS - 24 * HOUR_MS, end=BEGAN_MS + 24 * HOUR_MS)["map"]
    assert (whole["step_s"], len(whole["ends"])) == (3_600, 24)
    some = shown(store, slice="region=r2", begin=BEGAN_MS + 11 * HOUR_MS, end=BEGAN_MS + 14 * HOUR_MS)["map"]
    assert [cell["shade"] for cell in some["lines"][1]["cells"]] == [0, 4, 4]


def test_what_is_not_stored_is_a_gap_and_what_is_too_little_says_so(store: Store) -> None:
    rows = store.ask(
        "drift_map", model="m", slice="*", columns=COLUMNS, count=FEATURES,
        **{"from": "2026-03-02 00:00:00.000", "to": "2026-03-03 00:00:00.000"},
    )  # fmt: skip
    once = [row for row in rows if row["field"] == "features.f5"]
    assert [(row["version"], row["at"]) for row in once] == [
        ("v1", BEGAN_MS + 3 * HOUR_MS),
        ("v2", BEGAN_MS + 3 * HOUR_MS),
    ]
    few_rows = [row for row in rows if row["field"] == "features.f8"]
    few = [row["is_known"] for row in few_rows if row["version"] == "v1"]
    assert few == [1] * 23 + [0]
    (line, _) = [line for line in drift_map(once + few_rows)["lines"] if line["field"] == "features.f5"]
    assert [end for end, cell in enumerate(line["cells"], 1) if cell] == [3]


def test_slices_are_named_the_worst_first(store: Store) -> None:
    slices = shown(store)["slices"]
    assert (slices[0]["slice"], slices[0]["bad"], slices[0]["slices"]) == ("region=r2", 1, SLICES)
    assert len(slices) == min(SLICES, 20)


def test_names_are_text_and_nothing_is_no_map(store: Store) -> None:
    odd = drift(store, Asked(model="odd"))
    html = page("drift", asked=Asked(model="odd"), path="/", may=frozenset(), **odd)
    assert "<img" not in html
    assert "&lt;img src=x onerror" in html
    none = shown(store, slice="region=none")
    assert none["map"]["lines"] == none["others"]["lines"] == []
    html = page("drift", asked=Asked(model="m"), path="/", may=frozenset(), **none)
    assert "has looked at region=none in that time" in html


def test_other_monitors_have_a_table_of_their_own(store: Store) -> None:
    (line,) = shown(store)["others"]["lines"]
    assert (line["field"], line["method"], line["cells"][0]["score"]) == ("features.f1", "sigma", 9)


def test_the_map_costs_little(store: Store) -> None:
    used = []
    for _ in range(3):
        began = time.process_time()
        shown(store)
        used.append(time.process_time() - began)
    print("processor seconds of the page of drift:", used)  # noqa: T201
    if PROVE:
        assert min(used) <= 3 * QUESTION_S
