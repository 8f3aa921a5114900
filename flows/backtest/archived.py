"""Writes the store's data of some days as files for a replay: requests by source, feedback, obeyed commands."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from flows import settings
from flows.sql import QueryError, require_store
from operators.connectors.clickhouse.lines import write_lines
from operators.connectors.clickhouse.query import ask
from operators.ingest.formats.format import Stream
from operators.policy.policy import Policy

Files = Mapping[Stream, list[Path]]


def files_of(url: str, start: datetime, end: datetime, folder: Path) -> Files:
    """Write files of the time from `start` until before `end`. QueryError where it has no events; ClickHouseError."""
    require_store(url)
    span = {"from": _time(start), "to": _time(end)}
    _, rows = ask(url, _text("sources"), span)
    if not rows:
        raise QueryError(
            f"no requests from {span['from']} to {span['to']} in the request log, which `rollguard archive` writes"
        )
    files: dict[Stream, list[Path]] = {"events": [], "feedback": [folder / "feedback.ndjson"], "commands": []}
    for number, (source,) in enumerate(rows):
        path = folder / f"events-{number}.ndjson"
        write_lines(url, _text("events"), span | {"source": source}, path)
        files["events"].append(path)
    write_lines(url, _text("feedback"), span, folder / "feedback.ndjson")
    _, commands = ask(url, _text("commands"), span)
    if commands:
        files["commands"].append(folder / "commands.ndjson")
        files["commands"][0].write_bytes(b"".join(msgspec.json.encode(_command(*row)) + b"\n" for row in commands))
    return files


def unread_of(policy: Policy) -> list[str]:
    """Return, in words, what a policy needs that the request log does not have."""
    fields = {
        each.name
        for file in policy.each
        for each in file.watched
        if each.name.startswith(("features", "embedding", "residual"))
    }
    if not fields:
        return []
    return [f"the request log has no features and embeddings: nothing is found on {', '.join(sorted(fields))}"]


def _command(command: str, ts: int, kind: str, by: str, model: str, fields: str) -> dict[str, Any]:
    named = {"model": model} if model else {}
    others: dict[str, Any] = msgspec.json.decode(fields)
    return others | named | {"id": command, "ts": ts, "type": kind, "by": by}


def _text(name: str) -> str:
    return (settings.migrations() / "backtest" / f"{name}.sql").read_text("utf-8")


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
