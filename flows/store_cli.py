"""`rollguard migrate`, `request`, `forget`, `status`, `resend` and `sql`, on what ClickHouse holds: thin."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import page_cli, settings, sql
from flows.cli_errors import fail, guarded
from flows.input_options import DataOption
from flows.plain import plain


@guarded
def migrate_command(
    data: DataOption = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Make replicated tables on this cluster.")] = None,
) -> None:
    """Make or update the tables of the configured ClickHouse."""
    from operators.connectors.clickhouse.migrations import migrate  # noqa: PLC0415  # It brings a second driver, 0.2 s.

    url = settings.store(settings.load(), data)
    applied = migrate(url, settings.migrations(), cluster=cluster, again=True)
    typer.echo("\n".join(applied) or "nothing to apply: the tables are up to date")


@guarded
def request_command(
    request: Annotated[str, typer.Argument(help="The request_id.")],
    form: Annotated[sql.Form, typer.Option("--format", help="How to print the answer.")] = "table",
    model: Annotated[str, typer.Option("--model", help="Of several models that answered this id, which.")] = "",
    data: DataOption = None,
) -> None:
    """Say all that belongs to one request: version, prompt, documents, feedback, windows, verdicts, what ended it."""
    if not request:
        raise typer.BadParameter("must not be empty", param_hint="REQUEST")
    query = settings.migrations() / "queries" / "request.sql"
    names, rows = sql.rows(
        settings.store(settings.load(), data), f"@{query}", [], texts={"request": request, "model": model}
    )
    of = f" of model {plain(model)}" if model else ""
    if not rows:
        missing = f"no request {plain(request)}{of} in the request log"
        fail(f"{missing}, which `rollguard archive` writes and keeps for a month", 1)
    models = sorted({plain(detail) for part, _, name, detail in rows if (part, name) == ("request", "model")})
    if len(models) > 1:
        fail(f"request {plain(request)} was answered by several models, {', '.join(models)}: say which with --model", 1)
    sys.stdout.write(sql.FORMS[form](names, rows))


@guarded
def forget_command(
    user: Annotated[str, typer.Argument(help="The user_id, as producers send it.")],
    data: DataOption = None,
) -> None:
    """Delete what ClickHouse holds of one user: requests, feedback on them, dead letters."""
    from flows.archive.forget import forget  # noqa: PLC0415  # It brings the driver of ClickHouse.

    where = settings.load()
    deleted = forget(where, settings.store(where, data), user)
    if not any(deleted.values()):
        fail(f"nothing of user {plain(user)} is stored, or under another ROLLGUARD_ID_KEY", 1)
    typer.echo(", ".join(f"{count} rows of {table}" for table, count in deleted.items()) + " deleted")


@guarded
def status_command(
    data: DataOption = None,
    at: Annotated[str, typer.Option("--at", help="As of which moment, such as 2026-03-02T08:35:00Z.")] = "now",
) -> None:
    """Say what is being rolled back or held, how each version does, and which alerts are open."""
    url = settings.store(settings.load(), data)
    sql.require_store(url)
    page_cli.print_status(url, at, Console(markup=False, emoji=False, highlight=False))


@guarded
def resend_command(
    files: Annotated[list[Path] | None, typer.Argument(help="Each a deadletter.ndjson; default: the topic.")] = None,
    data: DataOption = None,
) -> None:
    """Send rows again that ClickHouse refused and that are kept among the dead letters."""
    from flows import resend  # noqa: PLC0415  # It brings the driver of ClickHouse.

    where = settings.load()
    letters = resend.of_files(files) if files else resend.of_topic(where.kafka, where.deadletter_topic)
    resent = resend.run(letters, settings.store(where, data))
    typer.echo(f"{resent.stored} rows stored")
    if resent.strange:
        fail(f"{resent.strange} lines or messages are no dead letters", 1)
    if resent.refused or resent.misfit:
        fail(f"{resent.refused} rows refused again, {resent.misfit} do not fit their table; the last: {resent.last}", 1)


@guarded
def sql_command(
    query: Annotated[str, typer.Argument(help="SQL, or @FILE for the query in a file.")],
    form: Annotated[sql.Form, typer.Option("--format", help="How to print the answer.")] = "table",
    param: Annotated[list[str] | None, typer.Option("--param", help="NAME=VALUE for {NAME:Type} in the SQL.")] = None,
    data: DataOption = None,
    write: Annotated[bool, typer.Option("--write", help="Let the query change or delete what is stored.")] = False,
) -> None:
    """Run SQL on the configured ClickHouse, or on the embedded store of --data; it only reads, unless --write."""
    url = settings.store(settings.load(), data)
    sys.stdout.write(sql.answer(url, query, form, param or [], write=write))
