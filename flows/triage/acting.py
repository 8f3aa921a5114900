"""People's actions on cases from the command line: on one case, or on all of its cluster."""

import time
from collections.abc import Sequence

from flows.control.commands import myself
from flows.triage import store
from flows.triage.sets import sets_of
from operators.connectors.clickhouse.tables import Row, Tables
from operators.evals.case import EvalCase, eval_case_columns
from operators.evals.checks import Check
from operators.evals.sets import EvalSet, grown, set_columns
from operators.triage.actions import Action, Type, WrongAction, action_columns, check
from operators.triage.cases import Case

PREFIX_MIN = 6  # Characters of an id that name a case.


def found(tables: Tables, names: Sequence[str], *, cluster: bool = False) -> list[Row]:
    """Return the state of the named cases, in the order of the names; or of all cases of their clusters.

    A case is named by its id, the beginning of its id, or its request. WrongAction.
    """
    rows = tables.ask(store.text_of("found"), names=list(names), length_min=PREFIX_MIN)
    cases = [_one(name, rows) for name in names]
    if not cluster:
        return list({row["id"]: row for row in cases}.values())
    clusters = {(row["model"], row["cluster"]): row for row in cases}
    return [
        row for model, name in clusters for row in store.board(tables, model=model, cluster=name, states=store.STATES)
    ]


def _one(name: str, rows: Sequence[Row]) -> Row:
    mine = [row for row in rows if name in (row["id"], row["request_id"])]
    if len(name) >= PREFIX_MIN:
        mine = mine or [row for row in rows if row["id"].startswith(name)]
    if len(mine) == 1:
        return mine[0]
    if mine:
        raise WrongAction(f"case {name!r}: {len(mine)} cases are named so; write more of the id")
    raise WrongAction(f"case {name!r}: there is none; its id, at least {PREFIX_MIN} characters of it, or its request")


def act(
    tables: Tables,
    cases: Sequence[Row],
    type_: Type,
    by: str | None,
    *,
    root_cause: str = "",
    note: str = "",
    skip: bool = False,
) -> int:
    """Do one action on some cases, on all or none; return on how many. WrongAction.

    With `skip`, cases that do not allow the action are left alone: some of a cluster may be done already.
    """
    doing = [row for row in cases if not skip or _may(type_, row)]
    for row in doing:
        check(type_, row["id"], row["status"])
    at, who = _now_ms(), by or myself()
    actions = [
        Action(model=row["model"], at=at, case_id=row["id"], type=type_, by=who, root_cause=root_cause, note=note)
        for row in doing
    ]
    tables.add("triage_action", [action_columns(action) for action in actions])
    return len(actions)


def _may(type_: Type, row: Row) -> bool:
    try:
        check(type_, row["id"], row["status"])
    except WrongAction:
        return False
    return True


def convert(
    tables: Tables, rows: Sequence[Row], checks: Sequence[Check], by: str | None, *, asked: str | None, note: str
) -> tuple[list[EvalCase], list[EvalSet]]:
    """Make tests of labelled cases; return them, and the new versions of the eval sets. WrongAction.

    The test is stored before the set that names it, and the set before the action, so that an interrupted conversion
    can be repeated.
    """
    for row in rows:
        check("convert", row["id"], row["status"])
    at, who = _now_ms(), by or myself()
    cases = {case.id: case for case in store.cases(tables, [row["id"] for row in rows])}
    made = {row["id"]: _test(cases[row["id"]], row, checks, asked, note, at, who) for row in rows}
    tables.add("eval_case", [eval_case_columns(case) for case in {case.id: case for case in made.values()}.values()])
    sets = []
    for model in sorted({case.model for case in made.values()}):
        added = [case.id for case in made.values() if case.model == model]
        new = grown(sets_of(tables, model), model, added, at, who)
        sets += [] if new is None else [new]
    tables.add("eval_set", [set_columns(each) for each in sets])
    actions = [
        Action(model=row["model"], at=at, case_id=row["id"], type="convert", by=who, eval_case=made[row["id"]].id)
        for row in rows
    ]
    tables.add("triage_action", [action_columns(action) for action in actions])
    return list(made.values()), sets


def _test(case: Case, row: Row, checks: Sequence[Check], asked: str | None, note: str, at: int, by: str) -> EvalCase:
    text = case.input if asked is None else asked
    if not text.strip():
        raise WrongAction(f"case {case.id}: nothing is stored of what was asked; give it with --input FILE")
    return EvalCase(
        model=case.model,
        input=text,
        checks=tuple(checks),
        root_cause=row["root_cause"],
        note=note or row["note"],
        triage_case=case.id,
        request_id=case.request_id,
        user_id=case.user_id,
        version=case.version,
        dims=case.dims,
        at=at,
        by=by,
    )


def _now_ms() -> int:
    return int(time.time() * 1000)
