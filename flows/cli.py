"""The command line: its commands by name. Exit codes: 0 done, 1 failed at work, 2 wrong use or wrong policy."""

import sys

import msgspec
import typer

from flows import (
    backtest_cli,
    check_cli,
    control_cli,
    evals_cli,
    evaluate_cli,
    logs,
    produce_cli,
    reference_cli,
    replay_cli,
    settings,
    store_cli,
    triage_cli,
    worker_cli,
)
from flows.gate_cli import gate_command
from flows.page_command import page_command
from flows.private import keep_private
from operators.fast import loading

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Watches AI models in production and says, with proof, when a new version hurts its users.",
)
app.add_typer(control_cli.app, name="control")
app.add_typer(reference_cli.app, name="reference")
app.add_typer(triage_cli.app, name="triage")
app.add_typer(evals_cli.app, name="evals")
app.command("gate")(gate_command)
app.command("demo")(replay_cli.demo_command)
app.command("replay")(replay_cli.replay_command)
app.command("backtest")(backtest_cli.backtest_command)
app.command("check")(check_cli.check_command)
app.command("run")(worker_cli.run_command)
app.command("archive")(worker_cli.archive_command)
app.command("enrich")(worker_cli.enrich_command)
app.command("evaluate")(evaluate_cli.evaluate_command)
app.command("produce")(produce_cli.produce_command)
app.command("migrate")(store_cli.migrate_command)
app.command("request")(store_cli.request_command)
app.command("forget")(store_cli.forget_command)
app.command("page")(page_command)
app.command("status")(store_cli.status_command)
app.command("resend")(store_cli.resend_command)
app.command("sql")(store_cli.sql_command)


def main() -> None:
    """The console script."""
    keep_private()
    try:
        where = settings.load()
    except msgspec.ValidationError as error:
        sys.stderr.write(f"rollguard: {error}\n")
        sys.exit(2)
    logs.configure(where.log_format, where.log_level or "warning")
    loading.switch(on=where.fast == "auto")
    app()
