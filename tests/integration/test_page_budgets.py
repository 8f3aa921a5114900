"""What a release page costs where there are many slices: bytes, rows asked for, and processor time at full length."""

import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.page.asked import Asked
from flows.page.html import page
from flows.page.store import Store, moment
from flows.page.views.release import release
from tests.conftest import migrated

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
SLICES, HOURS = (1_800, 24) if PROVE else (300, 3)  # Of two versions.
ROWS = (Path(__file__).parent / "many_slices.sql").read_text()
CPU_S = 1.0  # Of one that nobody has asked for since the last epoch, on a busy machine; on an idle one less than half.


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with migrated(tmp_path_factory.mktemp("budgets")) as embedded:
        for statement in ROWS.replace("SLICES", str(SLICES)).replace("HOURS", str(HOURS)).split(";"):
            embedded.client.command(statement)
        store = Store(embedded.url)
        try:
            yield store
        finally:
            store.close()


def test_a_release_of_many_slices_stays_small(store: Store) -> None:
    asked = Asked(model="m", version="v2")
    used = []
    for _ in range(5 if PROVE else 1):
        began = time.process_time()
        html = page("release", asked=asked, path="/", may=frozenset(), **release(store, asked)).encode()
        used.append(time.process_time() - began)
    assert len(html) <= 150_000
    assert len(gzip.compress(html, 6)) <= 20_000
    if PROVE:
        assert sorted(used)[2] <= CPU_S, used


def test_slices_are_asked_for_by_the_page(store: Store) -> None:
    """The worst forty in any case, all traffic first; further ones by the hundred, none twice and none left out."""
    seen: list[str] = []
    for number in range(1, SLICES // 100 + 2):
        shown = release(store, Asked(model="m", version="v2", page=number))["table"]
        assert shown["slices"] == SLICES + 1
        assert len(shown["rows"]) == (100 if number <= SLICES // 100 else 1)
        seen += [row["slice"] for row in shown["rows"]]
    assert seen == ["*", *(f"user=u{number}" for number in range(SLICES, 0, -1))]
    rows = store.ask("evidence_now", model="m", version="v2", at=moment(4_102_444_800_000), first=0, count=40)
    assert len(rows) == 40 * 3
