"""What a release page costs where there are many slices: bytes, rows asked for, and processor time at full length."""

import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.page.asked import Asked
from flows.page.html import page
from flows.page.store import Store
from flows.page.views.release import release
from tests.conftest import Embedded, migrated

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
SLICES, HOURS = (1_800, 24) if PROVE else (300, 3)  # Of two versions.
ROWS = (Path(__file__).parent / "many_slices.sql").read_text()
CPU_S = 0.4  # Of one that nobody has asked for since the last epoch, on a busy machine; on an idle one half of it.
BYTES = 150_000
ASKED = Asked(model="m", version="v2")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with migrated(tmp_path_factory.mktemp("budgets")) as embedded:
        for statement in ROWS.replace("SLICES", str(SLICES)).replace("HOURS", str(HOURS)).split(";"):
            embedded.client.command(statement)
        yield embedded


@pytest.fixture(scope="module")
def store(embedded: Embedded) -> Iterator[Store]:
    store = Store(embedded.url)
    try:
        yield store
    finally:
        store.close()


def asked_of(**more: Any) -> Asked:
    return msgspec.structs.replace(ASKED, **more)


def html_of(store: Store, asked: Asked) -> bytes:
    return page("release", asked=asked, path="/", may=frozenset(), **release(store, asked)).encode()


def test_a_release_of_many_slices_stays_small(store: Store) -> None:
    used = []
    for _ in range(5 if PROVE else 1):
        began = time.process_time()
        html = html_of(store, ASKED)
        used.append(time.process_time() - began)
    assert len(html) <= BYTES
    assert len(gzip.compress(html, 6)) <= 20_000
    if PROVE:
        assert sorted(used)[2] <= CPU_S, used


def test_what_a_thousand_requests_cost_is_drawn(store: Store) -> None:
    (chart,) = [each for each in release(store, ASKED)["charts"] if each.name == "cost"]
    assert [line.name for line in chart.lines] == ["v1", "v2"]
    assert {value for line in chart.lines for _, value in line.points} == {1_000.0}  # One dollar each.


def test_slices_are_asked_for_by_the_page(store: Store) -> None:
    """The worst forty in any case, all traffic first; further ones by the hundred, none twice and none left out."""
    seen: list[str] = []
    for number in range(1, SLICES // 100 + 2):
        shown = release(store, asked_of(page=number))["table"]
        assert shown["slices"] == SLICES + 1
        assert len(shown["rows"]) == (100 if number <= SLICES // 100 else 1)
        seen += [row["slice"] for row in shown["rows"]]
    assert seen == ["*", *(f"user=u{number}" for number in range(SLICES, 0, -1))]
    assert len(release(store, ASKED)["table"]["rows"]) == 40


def test_a_slice_is_found_by_a_part_of_its_name(store: Store) -> None:
    found = release(store, asked_of(find="User=u29"))["table"]["rows"]
    assert {"user=u29", "user=u290", "user=u299"} <= {row["slice"] for row in found}
    assert all(row["slice"].startswith("user=u29") for row in found)
    assert all(cell["n"] for row in found for cell in row["cells"])


def test_lists_of_slices_have_no_charts(store: Store) -> None:
    shown = release(store, asked_of(page=2))
    assert shown["charts"] == shown["evidence"] == []
    assert len(html_of(store, asked_of(page=2))) <= BYTES


def test_rows_that_were_stored_twice_count_once(embedded: Embedded, store: Store) -> None:
    once = msgspec.json.encode(release(store, ASKED), enc_hook=str)
    embedded.client.command("SYSTEM STOP MERGES")
    for table in ("sli_window", "measure_window", "outcome_window", "evidence", "release", "control", "drift"):
        embedded.client.command(f"INSERT INTO {table} SELECT * FROM {table}")  # noqa: S608
    assert msgspec.json.encode(release(store, ASKED), enc_hook=str) == once
