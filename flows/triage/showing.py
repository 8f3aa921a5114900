"""Cases as people read them: a line each, or all of one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flows.sql import FORMS, Form
from operators.connectors.clickhouse.tables import Row
from operators.triage.cases import Case
from operators.wire.events import EPOCH, MILLISECOND

ID = 8  # Characters of an id that are shown in lists.
COLUMNS = (
    "id",
    "priority",
    "status",
    "model",
    "version",
    "slice",
    "reason",
    "size",
    "first_signal",
    "root_cause",
    "owner",
)


def one_of_each(rows: Sequence[Row]) -> list[Row]:
    """Return the first case of each cluster."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        first.setdefault((row["model"], row["cluster"]), row)
    return list(first.values())


def listed(rows: Sequence[Row], limit: int, form: Form) -> str:
    """Return a line per case; in tables ids are cut, and unsafe or returned cases are marked."""
    names = [*COLUMNS, "what"]
    lines = [[*(_value(row, name, form) for name in COLUMNS), _what(row)] for row in rows[:limit]]
    more = f"{len(rows) - limit} more: see --limit\n" if form == "table" and len(rows) > limit else ""
    return FORMS[form](names, lines) + more


def _value(row: Row, name: str, form: Form) -> Any:
    if name == "id" and form == "table":
        return row["id"][:ID]
    if name == "priority":
        return round(row["priority"], 3)
    return time_of(row[name]) if name == "first_signal" else row[name]


def _what(row: Row) -> str:
    back = f"regressed: {row['regressed'][:ID]} was converted" if row["regressed"] else ""
    return ", ".join(filter(None, ["unsafe" if row["unsafe"] else "", back]))


def shown(row: Row, case: Case, done: Sequence[Row], scores: Sequence[Row], form: Form) -> str:
    """Return all of a case as parts, each with a time where it has one."""
    return FORMS[form](["part", "at", "name", "detail"], facts(row, case, done, scores))


def facts(row: Row, case: Case, done: Sequence[Row], scores: Sequence[Row]) -> list[list[Any]]:
    """Return all facts of a case, each as its part, its time if it has one, its name, and its text.

    `done` are people's actions on the case, `scores` the judges' scores of its request.
    """
    names = ("model", "version", "request_id", "slice", "status", "root_cause", "note", "owner", "eval_case", "cluster")
    lines: list[list[Any]] = [["case", None, name, str(row[name])] for name in names if row[name] != ""]
    lines += [["case", None, "near duplicates", str(row["size"])], ["case", None, "priority", f"{row['priority']:.3f}"]]
    lines += [["case", None, "what", what] for what in [_what(row)] if what]
    texts = {"prompt_version": case.prompt_version, "input": case.input, "output": case.output}
    lines += [["request", time_of(case.ts), name, text] for name, text in texts.items() if text]
    for each in case.signals:
        text = f"{each.value} by {each.source}" if each.source else each.value
        lines.append(["signal", time_of(each.at), each.reason, text])
    for score in scores:
        text = f"{score['value']} by {score['source']}: {score['reason']}"
        lines.append(["judgement", time_of(score["at"]), f"{score['kind']} {score['name']}".strip(), text])
    for action in done:
        what = " ".join(filter(None, [action["root_cause"], action["note"], action["eval_case"]]))
        lines.append(["action", time_of(action["at"]), f"{action['type']} by {action['by']}", what])
    return lines


def time_of(ms: int) -> datetime:
    """Return Unix ms as tables show it: UTC, without saying so."""
    return (EPOCH + MILLISECOND * ms).replace(tzinfo=None)
