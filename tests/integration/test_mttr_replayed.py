"""`mttr.sql` of rollbacks that were played: one that nobody obeyed, and a version that came back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.evaluation_state import PaneOutcome
from operators.rows.verdicts import outcome_rows
from operators.wire.control import ControlEvent
from tests.conftest import MIGRATIONS, migrated
from tests.releasing import BAD_NEWS, OLD, SMALL_WELL, WELL, Counts, Story

COLUMNS = ("outcome", "detected", "applied", "recovered")
PARTED: Counts = {"v1": WELL, "v2": SMALL_WELL}


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def asked(story: Story, folder: Path) -> list[tuple[Any, ...]]:
    """Return what `mttr.sql` says of all that was told."""
    with migrated(folder) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in outcome_rows(PaneOutcome(verdicts=(), events=story.told), story.policy):
            inserter.add(rows)
        inserter.flush()
        found = embedded.client.query((MIGRATIONS / "queries/mttr.sql").read_text(), {"model": "m"})
        return [tuple(row[name] for name in COLUMNS) for row in found.named_results()]


def times(events: Sequence[ControlEvent], kind: str) -> list[datetime]:
    return [datetime.fromtimestamp(event.ts / 1000, UTC).replace(tzinfo=None) for event in events if event.type == kind]


def test_a_rollback_that_nobody_obeyed_has_no_time_to_apply_or_to_recover(tmp_path: Path) -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.play(PARTED, panes=200)
    (detected,) = times(story.told, "rollback")
    assert asked(story, tmp_path / "store") == [("rollback_ineffective", detected, None, None)]


def test_a_version_that_comes_back_is_a_rollback_of_its_own(tmp_path: Path) -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.until("recovered", OLD)
    story.until("rollback", BAD_NEWS)
    story.play(OLD, panes=60)
    first, second = times(story.told, "rollback")
    rows = asked(story, tmp_path / "store")
    # Both times the gateway obeyed at once.
    assert [row[:3] for row in rows] == [("recovered", first, first), ("recovered", second, second)]
    assert [row[3] for row in rows] == times(story.told, "recovered")
