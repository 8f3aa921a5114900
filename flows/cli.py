"""The command line: thin. Exit codes: 0 done, 1 failed at work, 2 wrong use or wrong policy."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from prometheus_client import CollectorRegistry
from rich.console import Console

from flows import check as checks
from flows import (
    control_cli,
    evals_cli,
    evaluate_cli,
    logs,
    page_cli,
    progress,
    reference_cli,
    replay,
    settings,
    sql,
    triage_cli,
)
from flows.archive.privacy import checked_pseudonyms
from flows.cli_errors import fail, guarded, interruptible
from flows.gate_cli import gate_command
from flows.options import Options
from flows.page_cli import DataOption, PageOption
from flows.page_command import page_command
from flows.plain import plain
from flows.private import keep_private
from operators.connectors.stop import Stop
from operators.ingest.formats.format import Stream
from operators.metrics import Metrics
from operators.policy.policy import Policy

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

PolicyOption = Annotated[Path | None, typer.Option("--policy", help="The policy; default: the one with rollguard.")]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="What the messages are: native, or otlp; default: the setting's.")
]
FeedbackFormatOption = Annotated[
    str | None, typer.Option("--feedback-format", help="What those of feedback are; default: the setting's.")
]
# Of the long-running workers.
RecoveryOption = Annotated[
    Path, typer.Option("--recovery", help="The folder of the recovery store; made when missing.")
]
StartOption = Annotated[
    str, typer.Option("--from", help="Where to start partitions that the store does not know: beginning or end.")
]
EpochOption = Annotated[float, typer.Option(min=0.1, help="Seconds between two savings of the state.")]
ListenOption = Annotated[str, typer.Option(help="host:port of /metrics, /livez and /readyz.")]
ProcessOption = Annotated[int, typer.Option("-i", "--process-id", help="Which of --addresses is this process.")]
AddressesOption = Annotated[str, typer.Option("-a", "--addresses", help="host:port of all processes, by ';'.")]


@app.command("demo")
@guarded
def demo_command(
    data: Annotated[Path, typer.Option("--data", help="The folder for what comes out.")] = settings.DATA,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="How long the simulated hour lasts.")] = 20.0,
    page: PageOption = None,
) -> None:
    """Serve a real classifier in two versions for a simulated hour, and watch it live."""
    from flows.demo import run as demo  # noqa: PLC0415  # It brings river, half a second of imports.

    stop, at_desk = Stop(), page_cli.is_desk()
    server = page_cli.server_of(settings.load(), settings.embedded(data), page or ("127.0.0.1:0" if at_desk else None))
    console = Console(highlight=False)
    with page_cli.ended(server), interruptible(stop):
        if server is not None:
            page_cli.show(server.address, at_desk)
        summary = demo.run(demo.last_hour(), seconds, data, stop, console, page_cli.opener(server))
        if summary.complete and server is not None:
            page_cli.stay(server.address, stop)
    if not summary.complete:
        fail("interrupted: not all panes are closed", 1)


@app.command("replay")
@guarded
def replay_command(
    files: Annotated[list[Path], typer.Argument(help="Files of events, .ndjson, .gz or .zst; each is a partition.")],
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder for what comes out.")],
    feedback: Annotated[list[Path] | None, typer.Option("--feedback", help="A file of feedback; repeatable.")] = None,
    commands: Annotated[list[Path] | None, typer.Option("--commands", help="A file of commands; repeatable.")] = None,
    policy: PolicyOption = None,
    archive: Annotated[bool, typer.Option("--archive", help="Write the request log too.")] = False,
    form: FormatOption = None,
    feedback_form: FeedbackFormatOption = None,
    page: PageOption = None,
) -> None:
    """Run files through the monitor into an embedded store, without a broker."""
    where = _with_formats(events_format=form, feedback_format=feedback_form)
    rules = settings.load_policy(policy or where.policy)
    stop = Stop()
    server = page_cli.server_of(where, settings.embedded(out), page)
    if server is not None:
        page_cli.show(server.address, False)
    streams: dict[Stream, list[Path]] = {"events": files, "feedback": feedback or [], "commands": commands or []}
    paths = [path for some in streams.values() for path in some]
    with page_cli.ended(server), progress.of_files(paths) as progressed, interruptible(stop):
        credentials = settings.credentials(where, rules)
        pseudonyms = checked_pseudonyms(where, rules) if archive else settings.pseudonyms(where)
        inputs = replay.inputs_of(streams, rules, progressed, credentials, pseudonyms, settings.forms(where))
        metrics = Metrics(CollectorRegistry())
        opened = page_cli.opener(server)
        summary = replay.run(inputs, rules, out, stop, metrics, key=where.signing_key, archive=archive, opened=opened)
        if summary.complete and server is not None:
            page_cli.stay(server.address, stop)
    if not summary.complete:
        fail("interrupted: not all panes are closed", 1)
    progress.print_summary(summary, out)


@app.command("check")
@guarded
def check_command(policy: PolicyOption = None) -> None:
    """Validate a policy and say what it will keep."""
    where = settings.load()
    checks.print_policy(settings.load_policy(policy or where.policy), Console(markup=False, emoji=False))


@app.command("run")
@guarded
def run_command(
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-state"),
    start: StartOption = "beginning",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9464",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
    feedback_form: FeedbackFormatOption = None,
    page: PageOption = None,
) -> None:
    """Watch Kafka's topics until stopped: the long-running worker."""
    from flows import worker  # noqa: PLC0415  # It brings the Kafka client, which nothing else needs.

    options = _options(recovery_folder, start, epoch, listen, process, addresses)
    where = _with_formats(events_format=form, feedback_format=feedback_form)
    _work(worker.run, where, policy, msgspec.structs.replace(options, page=page))


@app.command("archive")
@guarded
def archive_command(
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-archive-state"),
    start: StartOption = "beginning",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9465",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
) -> None:
    """Store every event of Kafka's topic in ClickHouse until stopped: the request log."""
    from flows.archive import worker  # noqa: PLC0415  # It brings the Kafka client.

    where = _with_formats(events_format=form)
    _work(worker.run, where, policy, _options(recovery_folder, start, epoch, listen, process, addresses))


@app.command("enrich")
@guarded
def enrich_command(
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-enrich-state"),
    start: StartOption = "beginning",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9466",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
) -> None:
    """Join feedback that names only a request with the request log until stopped."""
    from flows.enrich import worker  # noqa: PLC0415  # It brings the Kafka client.

    where = _with_formats(raw_feedback_format=form)
    _work(worker.run, where, policy, _options(recovery_folder, start, epoch, listen, process, addresses))


def _with_formats(**named: str | None) -> settings.Settings:
    """Return the settings, with the formats that the command line names in place of theirs."""
    given = {name: form for name, form in named.items() if form is not None}
    for name, form in given.items():
        if (fault := settings.format_fault(form)) is not None:
            option = "--feedback-format" if name == "feedback_format" else "--format"
            raise typer.BadParameter(fault, param_hint=option)
    return msgspec.structs.replace(settings.load(), **given)


@app.command("evaluate")
@guarded
def evaluate_command(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of events to be judged once; default: Kafka's topic.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="With files: the folder for feedback.ndjson.")] = None,
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-evaluate-state"),
    start: StartOption = "end",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9467",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
) -> None:
    """Judge a sample of the answers, by the evaluators of the policy: feedback, until stopped or of files."""
    if files:
        evaluate_cli.evaluate_files(files, out, policy, _with_formats(events_format=form))
        return
    if out is not None:
        raise typer.BadParameter("goes with files: else feedback goes to its topic", param_hint="--out")
    from flows.evaluate import worker  # noqa: PLC0415  # It brings the Kafka client.

    where = _with_formats(events_format=form)
    evaluate_cli.checked(settings.load_policy(policy or where.policy))
    _work(worker.run, where, policy, _options(recovery_folder, start, epoch, listen, process, addresses))


def _work(
    run: Callable[[settings.Settings, Policy, Options, Stop, Metrics], None],
    where: settings.Settings,
    policy: Path | None,
    options: Options,
) -> None:
    """Run a worker until it is asked to stop."""
    where = msgspec.structs.replace(where, policy=policy or where.policy)  # Files that it names lie beside it.
    logs.configure(where.log_format, where.log_level or "info")
    stop = Stop()
    with interruptible(stop):
        run(where, settings.load_policy(where.policy), options, stop, Metrics(CollectorRegistry()))


def _options(recovery: Path, start: str, epoch: float, listen: str, process: int, addresses: str) -> Options:
    if start not in ("beginning", "end"):
        raise typer.BadParameter("must be beginning or end", param_hint="--from")
    host, _, port = listen.rpartition(":")
    if not (host and port.isdecimal() and 0 <= int(port) < 1 << 16):
        raise typer.BadParameter(f"{listen!r}: must be host:port, such as 127.0.0.1:9464", param_hint="--listen")
    named = list(filter(None, addresses.split(";")))
    if not 0 <= process < max(len(named), 1):
        raise typer.BadParameter(
            f"{process}: --addresses names {len(named)}, counted from 0", param_hint="--process-id"
        )
    return Options(
        recovery=recovery,
        start="end" if start == "end" else "beginning",
        epoch_s=epoch,
        listen=listen,
        process=process,
        addresses=tuple(named),
    )


@app.command("produce")
@guarded
def produce_command(
    files: Annotated[list[Path], typer.Argument(help="Files of events or feedback, .ndjson, .gz or .zst.")],
    topic: Annotated[str | None, typer.Option(help="The topic; default: that of events.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events a second; default: as fast as it goes.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Events a message; more than one are sent as an array.")] = 1,
    key: Annotated[
        Literal["none", "model", "request_id"],
        typer.Option(help="What decides the partition: none (in turn), model or request_id."),
    ] = "none",
    partition: Annotated[int | None, typer.Option(help="Send everything to this partition.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Give each event the time at which it is sent.")] = False,
) -> None:
    """Send files to a topic of Kafka."""
    from flows import produce  # noqa: PLC0415

    where = settings.load()
    options = msgspec.convert(
        {
            "topic": topic or where.events_topic,
            "rate": rate,
            "batch": batch,
            "key": key,
            "partition": partition,
            "now": now,
        },
        produce.Options,
    )
    stop = Stop()
    for path in files:
        path.open("rb").close()  # One that is missing is found before anything is sent.
    with progress.of_files(files) as progressed, interruptible(stop):
        delivered = produce.run(files, where.kafka, options, stop, progressed)
    typer.echo(f"{delivered.events} events in {delivered.messages} messages delivered in {delivered.seconds:.1f} s")


@app.command("migrate")
@guarded
def migrate_command(
    data: DataOption = None,
    cluster: Annotated[str | None, typer.Option("--cluster", help="Make replicated tables on this cluster.")] = None,
) -> None:
    """Make or update the tables of the configured ClickHouse."""
    from operators.connectors.clickhouse.migrations import migrate  # noqa: PLC0415  # It brings a second driver, 0.2 s.

    url = settings.store(settings.load(), data)
    applied = migrate(url, settings.migrations(), cluster=cluster)
    typer.echo("\n".join(applied) or "nothing to apply: the tables are up to date")


@app.command("request")
@guarded
def request_command(
    request: Annotated[str, typer.Argument(help="The request_id.")],
    form: Annotated[sql.Form, typer.Option("--format", help="How to print the answer.")] = "table",
    data: DataOption = None,
) -> None:
    """Say all that belongs to one request: version, prompt, documents, feedback, windows, verdicts, what ended it."""
    if not request:
        raise typer.BadParameter("must not be empty", param_hint="REQUEST")
    query = settings.migrations() / "queries" / "request.sql"
    names, rows = sql.rows(settings.store(settings.load(), data), f"@{query}", [f"request={request}"])
    if not rows:
        fail(
            f"no request {plain(request)} in the request log, which `rollguard archive` writes and keeps for a month", 1
        )
    sys.stdout.write(sql.FORMS[form](names, rows))


@app.command("forget")
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


app.command("page")(page_command)


@app.command("status")
@guarded
def status_command(
    data: DataOption = None,
    at: Annotated[str, typer.Option("--at", help="As of which moment, such as 2026-03-02T08:35:00Z.")] = "now",
) -> None:
    """Say what is being rolled back or held, how each version does, and which alerts are open."""
    url = settings.store(settings.load(), data)
    sql.require_store(url)
    page_cli.print_status(url, at, Console(markup=False, emoji=False, highlight=False))


@app.command("resend")
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


@app.command("sql")
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


def main() -> None:
    """The console script."""
    keep_private()
    try:
        where = settings.load()
    except msgspec.ValidationError as error:
        sys.stderr.write(f"rollguard: {error}\n")
        sys.exit(2)
    logs.configure(where.log_format, where.log_level or "warning")
    app()
