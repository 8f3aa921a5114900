"""Stored eval sets: their list, and the cases of one."""

import typer

from operators.connectors.clickhouse.tables import Tables
from operators.evals.case import EvalCase, eval_case_of
from operators.evals.sets import EvalSet, NoSet, chosen, set_of


def sets_of(tables: Tables, model: str = "") -> list[EvalSet]:
    """Return all versions of the eval set of a model, or of all models. NoSet where one was changed."""
    rows = tables.ask(
        "SELECT * FROM eval_set_latest WHERE {model:String} IN ('', model) ORDER BY model, number, hash", model=model
    )
    return [set_of(row) for row in rows]


def cases_of(tables: Tables, model: str, wanted: str) -> tuple[EvalSet, list[EvalCase], int]:
    """Return a version of a model's eval set, its cases in order, and how many were deleted since.

    A case is deleted when all stored data of its user is. NoSet, Altered.
    """
    set_ = chosen([each for each in sets_of(tables, model) if each.model == model], wanted)
    rows = tables.ask(
        "SELECT * FROM eval_case_latest WHERE model = {model:String} AND has({ids:Array(String)}, id) ORDER BY id",
        model=model,
        ids=list(set_.cases),
    )
    if not rows:
        raise NoSet(f"eval set {set_.number} of {model}: all of its {len(set_.cases)} cases were deleted")
    return set_, [eval_case_of(row) for row in rows], len(set_.cases) - len(rows)


def tell_deleted(deleted: int) -> None:
    """Say that a set has fewer cases than it had."""
    if deleted:
        typer.echo(f"rollguard: {deleted} cases of the set were deleted, with all that was stored of a user", err=True)
