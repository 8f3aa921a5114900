"""Open alerts of a release: what its events say is what the question says."""

import random
from contextlib import closing
from pathlib import Path
from typing import Any

from flows.page.store import Store
from flows.page.views.firing import firing
from flows.page.views.lists import COUNT
from tests.conftest import migrated

AT = "2026-03-03 00:00:00.000"
COLUMNS = [
    "model", "version", "id", "revision", "type", "state", "at", "rule", "severity", "slices", "evidence", "reason",
    "runbook", "silenced", "acked", "ver",
]  # fmt: skip
RULES = ("slow", "wrong", "release", "override", "commands:all")


def rows(seed: int) -> list[list[Any]]:
    """Return what was said at random of two models: alerts that fire, are acknowledged, silenced and resolved."""
    of = random.Random(seed)
    out: list[list[Any]] = []
    for model in ("a", "b"):
        for revision in range(1, 90):
            acked = int(of.random() < 0.2)
            out.append(
                [
                    model, of.choice(["v1", "v2"]), f"{model}{revision}", revision,
                    of.choice(["alert", "alert", "hold"]),
                    "resolved" if not acked and of.random() < 0.2 else "firing", 1_772_409_600 + 60 * (revision // 3),
                    of.choice(RULES), of.choice(["page", "ticket", "info"]), f'[{{"slice":"s{revision}"}}]', "{}",
                    f"why {revision}", f"book {revision}", int(of.random() < 0.3), acked, revision,
                ]
            )  # fmt: skip
    return out


def test_the_events_of_a_version_say_which_of_its_alerts_fire(tmp_path: Path) -> None:
    seen = 0
    with migrated(tmp_path) as embedded, closing(Store(embedded.url)) as store:
        for seed in range(6):
            embedded.client.command("TRUNCATE TABLE control")
            embedded.client.insert("control", rows(seed), column_names=COLUMNS)
            for model in ("a", "b"):
                alerts = store.ask("alerts", model=model, at=AT)
                for version in ("v1", "v2"):
                    ask = {"model": model, "version": version, "type": "", "at": AT, "count": COUNT}
                    assert firing(store.ask("events", **ask)) == [each for each in alerts if each["version"] == version]
                seen += len(alerts)
    assert seen > 20
