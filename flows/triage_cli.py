"""`rollguard triage`: thin."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from flows import policy_files, settings, sql
from flows.cli_errors import guarded, interruptible
from flows.control.options import By
from flows.input_options import DataOption, PolicyOption
from flows.triage import acting, showing, store
from flows.triage.collect import collect
from flows.triage.panel import check_evaluators
from operators.connectors.clickhouse.tables import Row
from operators.connectors.stop import Stop
from operators.evals.checks import Kind, check_of
from operators.triage.actions import Type, WrongAction, check_cause

app = typer.Typer(no_args_is_help=True, help="Cases of what went wrong: looked at, labelled, turned into tests.")

Cases = Annotated[list[str], typer.Argument(help="Cases: their id, its beginning, or their request.")]
ClusterOption = Annotated[bool, typer.Option("--cluster", help="And all of their near duplicates.")]
NoteOption = Annotated[str, typer.Option("--note", help="In words.")]


@app.command("collect")
@guarded
def collect_command(
    policy: PolicyOption = None,
    data: DataOption = None,
    every: Annotated[float, typer.Option("--every", min=0, help="Seconds until it is done again; 0: once.")] = 0.0,
) -> None:
    """Make cases of reports, low scores, flags, errors and what control events name."""
    where, stop = settings.load(), Stop()
    rules = policy_files.load_policy(policy or where.policy)
    with store.opened(settings.store(where, data)) as tables, interruptible(stop):
        while not stop.requested:
            made = collect(tables, rules)
            typer.echo(f"{made.cases} cases in {made.clusters} clusters, {made.changed} new or changed")
            if made.left_out:
                typer.echo(f"rollguard: {made.left_out} cases left out: more than triage.cases_max are new", err=True)
            if not every:
                break
            _rest(stop, every)


def _rest(stop: Stop, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not stop.requested and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))


@app.command("list")
@guarded
def list_command(
    model: Annotated[str, typer.Option("--model", help="Only of this model.")] = "",
    status: Annotated[
        list[str] | None, typer.Option("--status", help="Only in this state; repeatable. Default: what is to be done.")
    ] = None,
    regressed: Annotated[bool, typer.Option("--regressed", help="Only what came back after a conversion.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every case, instead of one line for near duplicates.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many lines.")] = 50,
    form: Annotated[sql.Form, typer.Option("--format", help="How to print it.")] = "table",
    data: DataOption = None,
) -> None:
    """Say what is to be looked at, what is worst first."""
    states = status or store.TO_DO
    if unknown := [each for each in states if each not in store.STATES]:
        raise WrongAction(f"--status {unknown[0]!r}: must be one of {', '.join(store.STATES)}")
    with store.opened(settings.store(settings.load(), data)) as tables:
        rows = store.board(tables, model=model, states=states, back=regressed)
    sys.stdout.write(showing.listed(rows if every else showing.one_of_each(rows), limit, form))


@app.command("show")
@guarded
def show_command(
    case: Annotated[str, typer.Argument(help="A case: its id, its beginning, or its request.")],
    form: Annotated[sql.Form, typer.Option("--format", help="How to print it.")] = "table",
    data: DataOption = None,
) -> None:
    """Say all of one case: what was asked and answered, its signals, what was done with it."""
    with store.opened(settings.store(settings.load(), data)) as tables:
        (row,) = acting.found(tables, [case])
        (full,) = store.cases(tables, [row["id"]])
        done = tables.ask(
            "SELECT * FROM triage_action_latest WHERE case_id = {case:String} ORDER BY at, id", case=row["id"]
        )
        scores = store.judgements(tables, full)
    sys.stdout.write(showing.shown(row, full, done, scores, form))


@app.command("claim")
@guarded
def claim_command(cases: Cases, cluster: ClusterOption = False, by: By = None, data: DataOption = None) -> None:
    """Say that somebody looks at a case."""
    _act("claim", cases, cluster, by, data)


@app.command("label")
@guarded
def label_command(
    cases: Cases,
    cause: Annotated[str, typer.Option("--cause", help="The root cause, one of the policy's.")],
    note: NoteOption = "",
    cluster: ClusterOption = False,
    by: By = None,
    policy: PolicyOption = None,
    data: DataOption = None,
) -> None:
    """Say why a case went wrong."""
    where = settings.load()
    check_cause(cause, policy_files.load_policy(policy or where.policy).triage.root_causes)
    _act("label", cases, cluster, by, data, root_cause=cause, note=note)


@app.command("dismiss")
@guarded
def dismiss_command(
    cases: Cases, note: NoteOption = "", cluster: ClusterOption = False, by: By = None, data: DataOption = None
) -> None:
    """Close a case that is none."""
    _act("dismiss", cases, cluster, by, data, note=note)


@app.command("reopen")
@guarded
def reopen_command(
    cases: Cases, note: NoteOption = "", cluster: ClusterOption = False, by: By = None, data: DataOption = None
) -> None:
    """Open a case again."""
    _act("reopen", cases, cluster, by, data, note=note)


@app.command("convert")
@guarded
def convert_command(
    cases: Cases,
    equals: Annotated[list[str] | None, typer.Option("--equals", help="The answer must be this.")] = None,
    contains: Annotated[list[str] | None, typer.Option("--contains", help="It must hold this; repeatable.")] = None,
    excludes: Annotated[list[str] | None, typer.Option("--excludes", help="It must not hold this.")] = None,
    matches: Annotated[list[str] | None, typer.Option("--matches", help="This (RE2) must be found in it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="It must be JSON.")] = False,
    passes: Annotated[
        list[str] | None, typer.Option("--passes", help="This evaluator of the policy must let it pass.")
    ] = None,
    asked: Annotated[Path | None, typer.Option("--input", help="A file with what to ask, instead of the case.")] = None,
    note: NoteOption = "",
    by: By = None,
    policy: PolicyOption = None,
    data: DataOption = None,
) -> None:
    """Make a test of a labelled case: a new version of its model's eval set."""
    given: list[tuple[Kind, list[str]]] = [
        ("equals", equals or []), ("contains", contains or []), ("excludes", excludes or []),
        ("matches", matches or []), ("json", [""] if json else []), ("passes", passes or []),
    ]  # fmt: skip
    checks = [check_of(kind, value) for kind, values in given for value in values]
    if not checks:
        raise WrongAction(
            "needs what must hold of the answer: --equals, --contains, --excludes, --matches, --json or --passes"
        )
    if passes:
        check_evaluators(passes, policy_files.load_policy(policy or settings.load().policy))
    text = None if asked is None else asked.read_text("utf-8")
    with store.opened(settings.store(settings.load(), data)) as tables:
        rows = acting.found(tables, cases)
        tests, sets = acting.convert(tables, rows, checks, by, asked=text, note=note)
    for test in tests:
        typer.echo(f"case {test.triage_case} is now eval case {test.id}")
    for each in sets:
        typer.echo(f"eval set {each.number} of {each.model}: {len(each.cases)} cases, {each.hash}")


def _act(
    type_: Type,
    cases: list[str],
    cluster: bool,
    by: str | None,
    data: Path | None,
    *,
    root_cause: str = "",
    note: str = "",
) -> None:
    with store.opened(settings.store(settings.load(), data)) as tables:
        named: list[Row] = acting.found(tables, cases, cluster=cluster)
        count = acting.act(tables, named, type_, by, root_cause=root_cause, note=note, skip=cluster)
    typer.echo(f"{count} {'case' if count == 1 else 'cases'}")
