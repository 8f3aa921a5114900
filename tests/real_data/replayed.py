"""What `rollguard replay` makes of a data set, asked by SQL as a user would."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from clickhouse_connect.driver.client import Client

from flows.settings import embedded
from operators.connectors.clickhouse.client import open_clickhouse
from tests.conftest import MIGRATIONS
from tests.forked import rollguard

HERE = Path(__file__).parent
TIMEOUT_S = 120  # The largest run takes six seconds.
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
# The tables that the query files read where the range is within the life of panes.
PANES = {
    "cost": {"outcomes": "outcome_pane_latest", "measures": "measure_pane_latest"},
    "errors_by_type": {"panes": "outcome_pane_latest"},
    "measure_quantiles": {"panes": "measure_pane_latest"},
    "quality_by_request_hour": {"panes": "outcome_pane_latest"},
    "success_ratio": {"panes": "sli_pane_latest"},
}

Item = dict[str, Any]  # One event or feedback as it stands in a file.
Row = dict[str, Any]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a run: `summary` is its summary.json, `client` its embedded store."""

    summary: dict[str, Any]
    client: Client

    def rows(self, sql: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        return list(self.client.query(sql, dict(params or {})).named_results())

    def ask(self, question: str, params: Mapping[str, Any], within: tuple[datetime, datetime] = ALWAYS) -> list[Row]:
        """Return the answer of a file of infra/clickhouse/queries over a range, all traffic unless `by` is given."""
        sql = (MIGRATIONS / "queries" / f"{question}.sql").read_text()
        return self.rows(sql, {"by": [], "from": within[0], "to": within[1], **PANES[question], **params})

    def quantiles(
        self,
        measure: str,
        levels: Sequence[float],
        by: Sequence[str] = (),
        within: tuple[datetime, datetime] = ALWAYS,
    ) -> dict[tuple[str, ...], list[float]]:
        """Return quantiles of merged buckets by (model, version, *slice)."""
        params = {"measure": measure, "levels": list(levels), "by": list(by), "from": within[0], "to": within[1]}
        rows = self.rows((HERE / "quantiles.sql").read_text(), params)
        return {(row["model"], row["version"], *row["slice"]): row["quantiles"] for row in rows}


@contextmanager
def replayed(
    folder: Path, policy: str, events: Mapping[str, Sequence[Item]], feedback: Sequence[Item] = ()
) -> Iterator[Replayed]:
    """Run the command line over files of these events, a file per key, and open what it stored.

    The run is a process of its own: the embedded engine of a process has one store open at a time.
    """
    files = [lines(folder / f"{name}.ndjson", items) for name, items in events.items()]
    options: list[str | Path] = ["--policy", HERE / "policies" / policy, "--out", folder / "out"]
    if feedback:
        options += ["--feedback", lines(folder / "feedback.ndjson", feedback)]
    run = rollguard("replay", *files, *options, wait_s=TIMEOUT_S)
    assert run.returncode == 0, run.stderr
    client = open_clickhouse(embedded(folder / "out"))
    try:
        summary = msgspec.json.decode((folder / "out" / "summary.json").read_bytes())
        yield Replayed(summary=summary, client=client)
    finally:
        client.close()


def in_order(items: Sequence[Item]) -> list[Item]:
    """Return the items by time, as a log has them that no producer writes to late."""
    return sorted(items, key=lambda item: item["ts"])


def reference_built(out: Path, *words: str | Path) -> None:
    """Build a profile by the command line."""
    run = rollguard("reference", "build", *words, "--out", out, wait_s=TIMEOUT_S)
    assert run.returncode == 0, run.stderr


def lines(path: Path, items: Sequence[Item]) -> Path:
    """Write items as a file of lines."""
    path.write_bytes(msgspec.json.Encoder().encode_lines(items))
    return path
