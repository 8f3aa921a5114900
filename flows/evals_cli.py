"""`rollguard evals`: thin."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows import settings, sql
from flows.cli_errors import guarded
from flows.input_options import DataOption
from flows.plain import json_escaped
from flows.triage import store
from flows.triage.sets import cases_of, sets_of, tell_deleted
from flows.triage.showing import time_of
from operators.evals.exports import Form, exported

app = typer.Typer(no_args_is_help=True, help="Eval sets: what versions of a model have to pass, and never changes.")

Model = Annotated[str, typer.Argument(help="The model.")]
SetOption = Annotated[str, typer.Option("--set", help="NUMBER, NUMBER:HASH, or latest.")]
FormOption = Annotated[sql.Form, typer.Option("--format", help="How to print it.")]


@app.command("list")
@guarded
def list_command(
    model: Annotated[str, typer.Option("--model", help="Only of this model.")] = "",
    form: FormOption = "table",
    data: DataOption = None,
) -> None:
    """Say which versions of eval sets there are."""
    with store.opened(settings.store(settings.load(), data)) as tables:
        sets = sets_of(tables, model)
    lines = [[each.model, each.number, each.hash, len(each.cases), time_of(each.at), each.by] for each in sets]
    sys.stdout.write(sql.FORMS[form](["model", "number", "hash", "cases", "at", "by"], lines))


@app.command("show")
@guarded
def show_command(
    model: Model, wanted: SetOption = "latest", form: FormOption = "table", data: DataOption = None
) -> None:
    """Say what a version of an eval set asks, and what must hold of the answers."""
    with store.opened(settings.store(settings.load(), data)) as tables:
        _, cases, deleted = cases_of(tables, model, wanted)
    lines = [
        [case.id, case.root_cause, case.version, case.input, "; ".join(check.words for check in case.checks)]
        for case in cases
    ]
    sys.stdout.write(sql.FORMS[form](["id", "root_cause", "failed_in", "input", "checks"], lines))
    tell_deleted(deleted)


@app.command("export")
@guarded
def export_command(
    model: Model,
    wanted: SetOption = "latest",
    form: Annotated[Form, typer.Option("--format", help="ndjson, openai (evals) or promptfoo.")] = "ndjson",
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; default: standard output.")] = None,
    data: DataOption = None,
) -> None:
    """Write a version of an eval set as other tools read it, a line of JSON per case."""
    with store.opened(settings.store(settings.load(), data)) as tables:
        set_, cases, deleted = cases_of(tables, model, wanted)
    text = exported(cases, form)
    if out is None:
        sys.stdout.write(json_escaped(text))
    else:
        out.write_text(text, "utf-8")
        typer.echo(f"{out}: eval set {set_.number}:{set_.hash} of {model}, {len(cases)} cases")
    tell_deleted(deleted)
