"""Triage's queries to the store: one file of infra/clickhouse/triage each."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from flows import settings
from flows.sql import require_store
from operators.connectors.clickhouse.tables import Row, Tables
from operators.policy.policy import Policy
from operators.policy.triage import Triage
from operators.spans import DAY_MS
from operators.triage.cases import Asked, Case, Place, RequestSignal, triage_case_of
from operators.triage.signals import Signal, comment
from operators.wire.events import EPOCH, MILLISECOND

IDS_MAX = 5_000  # Looked up at once.
STATES = ("open", "claimed", "labelled", "dismissed", "converted")
TO_DO = ("open", "claimed", "labelled")


def opened(url: str) -> Tables:
    """Return the tables of an existing store. QueryError, ClickHouseError."""
    require_store(url)
    return Tables(url)


@cache
def text_of(name: str) -> str:
    """Return the text of a query of triage."""
    return (settings.migrations() / "triage" / f"{name}.sql").read_text("utf-8")


def signals(tables: Tables, policy: Policy) -> list[RequestSignal]:
    """Return all signals of the policy's last days, with people's texts as the policy keeps texts."""
    (newest,) = tables.ask(text_of("newest"))
    since = EPOCH + MILLISECOND * max(0, newest["newest"] - policy.triage.days * DAY_MS)
    rows = tables.ask(text_of("signals"), since=since, **_asked_for(policy.triage))
    return [_signal_of(row, policy) for row in rows]


def _asked_for(triage: Triage) -> Mapping[str, Any]:
    of = triage.severity
    flags = [*(triage.unsafe_flags if of.safety else ()), *(triage.flags if of.flag else ())]
    return {
        "kinds": [kind for kind in ("report", "edit", "abandon") if getattr(of, kind)],
        "judged": int(of.judge > 0),
        "thumbs": int(of.thumbs > 0),
        "safety": int(of.safety > 0),
        "contracts": int(of.contract > 0),
        "control": int(of.control > 0),
        "criteria": list(triage.low_of),
        "lows": list(triage.low_of.values()),
        "low": triage.low,
        "unsafe_from": triage.unsafe_from,
        "flags": flags,
        "errors": list(triage.errors if of.error else ()),
    }


def _signal_of(row: Row, policy: Policy) -> RequestSignal:
    return RequestSignal(
        signal=Signal(
            at=row["at"],
            kind=row["kind"],
            name=row["name"],
            source=row["source"],
            value=comment(row["value"], policy.archive.texts),
        ),
        asked=Asked(
            model=row["model"],
            version=row["version"],
            request_id=row["request_id"],
            ts=row["asked"],
            dims=row["dims"],
        ),
    )


def requests(tables: Tables, received: Iterable[RequestSignal]) -> dict[Place, Asked]:
    """Return the request log's data on the requests that signals name: of each the answer with the highest `_rank`."""
    versions: dict[Place, set[str]] = {}
    for each in received:
        versions.setdefault((each.asked.model, each.asked.request_id), set()).add(each.asked.version)
    ids = sorted({request_id for _, request_id in versions})
    found: dict[Place, Row] = {}
    for start in range(0, len(ids), IDS_MAX):
        for row in tables.ask(text_of("requests"), ids=ids[start : start + IDS_MAX]):
            place = (row["model"], row["request_id"])
            if place in versions and (place not in found or _rank(row, versions) > _rank(found[place], versions)):
                found[place] = row
    return {place: msgspec.convert(_fields(row), Asked) for place, row in found.items()}


def _rank(row: Row, versions: Mapping[Place, set[str]]) -> tuple[Any, ...]:
    """Return the rank of an answer: highest for a version that a signal names, not a copy, the last attempt."""
    named = row["version"] in versions[row["model"], row["request_id"]]
    return named, not row["mirrored"], row["attempt"], row["ts"], row["version"]


def _fields(row: Row) -> Row:
    return {name: row[name] for name in Asked.__struct_fields__}


def cases(tables: Tables, ids: Sequence[str] | None = None) -> list[Case]:
    """Return all cases that are stored, or those with these ids."""
    if ids is None:
        return [triage_case_of(row) for row in tables.ask("SELECT * FROM triage_case_latest")]
    rows = tables.ask("SELECT * FROM triage_case_latest WHERE has({ids:Array(String)}, id)", ids=list(ids))
    return [triage_case_of(row) for row in rows]


def judgements(tables: Tables, case: Case) -> list[Row]:
    """Return the judges' scores of a case's request, with reasons as far as the policy keeps texts."""
    since = EPOCH + MILLISECOND * case.ts
    return tables.ask(text_of("judgements"), model=case.model, request=case.request_id, since=since)


def board(
    tables: Tables, *, model: str = "", cluster: str = "", states: Sequence[str] = TO_DO, back: bool = False
) -> list[Row]:
    """Return the state of cases, the most urgent first."""
    return tables.ask(text_of("board"), model=model, cluster=cluster, status=list(states), back=int(back))
