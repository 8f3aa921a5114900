"""Cases on the page: all of a case, and what people do with it, by the same steps as `rollguard triage`.

Off by default. Only users known by name see a case, as it holds questions and answers. Each action is stored for good
as a row with the user's name.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from flows.logs import LOGGER
from flows.page.tickets import CaseKind, Ticket, sealed, ticket
from flows.triage import acting, showing, store
from operators.connectors.clickhouse.tables import Row, Tables
from operators.evals.checks import Check, Kind, check_of, named_evaluators
from operators.triage.actions import ALLOWED, Type, WrongAction, check_cause

CHECKS: tuple[Kind, ...] = get_args(Kind)
NOTE_MAX = 2_000  # Characters.
log = logging.getLogger(LOGGER)


class Cases:
    """The cases of the store at `url`, as a user who may add to them; `causes` and `evaluators` are the policy's."""

    def __init__(self, url: str, causes: Sequence[str], evaluators: Sequence[str] = ()) -> None:
        self._url = url
        self._causes = tuple(causes)
        self._evaluators = tuple(evaluators)
        self._lock = threading.Lock()  # The second of two clicks sees what the first has done.

    def shown(self, name: str, user: str, token: str) -> Row:
        """Return what a case's page shows: its facts, and a form for each possible action. WrongAction."""
        with store.opened(self._url) as tables:
            (row,) = acting.found(tables, [name])
            (full,) = store.cases(tables, [row["id"]])
            done = tables.ask(
                "SELECT * FROM triage_action_latest WHERE case_id = {case:String} ORDER BY at, id", case=row["id"]
            )
            scores = store.judgements(tables, full)
        parts: dict[str, list[Row]] = {}
        for part, at, fact, detail in showing.facts(row, full, done, scores):
            parts.setdefault(part, []).append({"at": at, "name": fact, "detail": detail})
        may = [kind for kind in get_args(CaseKind) if row["status"] in ALLOWED[kind]]
        forms = {kind: sealed(ticket(kind, row["model"], row["id"], user), token) for kind in may}
        return {
            "case": row, "parts_of": parts, "forms": forms, "causes": self._causes, "user": user,
            "evaluators": self._evaluators,
        }  # fmt: skip

    def act(self, made: Ticket, given: Mapping[str, str]) -> None:
        """Do a form's action, once however often the form comes. WrongAction, WrongCheck, PolicyError."""
        with self._lock, store.opened(self._url) as tables:
            if _is_done(tables, made):
                return
            rows = acting.found(tables, [made.about], cluster=bool(given.get("cluster")) and made.kind != "convert")
            note = given.get("note", "").strip()[:NOTE_MAX]
            if made.kind == "convert":
                asked = given.get("asked", "").replace("\r\n", "\n")
                acting.convert(tables, rows, self._checks(given), made.user, asked=asked or None, note=note)
            else:
                cause = given.get("cause", "") if made.kind == "label" else ""
                if made.kind == "label":
                    check_cause(cause, self._causes)
                type_ = msgspec.convert(made.kind, Type)
                acting.act(tables, rows, type_, made.user, root_cause=cause, note=note, skip=len(rows) > 1)
        log.info("a case from the page", extra={"fields": msgspec.to_builtins(made)})

    def _checks(self, given: Mapping[str, str]) -> list[Check]:
        """Return the checks of the answer. A test by an unknown evaluator could never be passed."""
        checks = checks_of(given)
        for name in named_evaluators(checks):
            if name not in self._evaluators:
                raise WrongAction(f"no evaluator of the policy is named {name!r}")
        return checks


def checks_of(given: Mapping[str, str]) -> list[Check]:
    r"""Return the checks of the answer, one for each line of a field. WrongCheck, WrongAction.

    >>> [check.words for check in checks_of({"contains": "30 days\r\n\r\nsorry", "json": "1"})]
    ['contains "30 days"', 'contains "sorry"', 'json']
    """
    made = [
        check_of(kind, "" if kind == "json" else line.strip())
        for kind in CHECKS
        for line in given.get(kind, "").splitlines()
        if line.strip()
    ]
    if not made:
        raise WrongAction("say what must hold of the answer: a line in one of the fields at least")
    return made


def _is_done(tables: Tables, made: Ticket) -> bool:
    """Tell whether the user has done this with the case since the form was shown."""
    rows = tables.ask(
        "SELECT at FROM triage_action_latest WHERE case_id = {case:String} AND type = {type:String}"
        " AND by = {by:String} AND toUnixTimestamp64Milli(at) >= {since:Int64}",
        case=made.about, type=made.kind, by=made.user, since=made.shown,
    )  # fmt: skip
    return bool(rows)
