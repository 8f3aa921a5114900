"""`rollguard evaluate`: thin."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer
from prometheus_client import CollectorRegistry

from flows import policy_files, settings
from flows.cli_errors import fail, guarded, interruptible
from flows.evaluate.required import require_evaluators
from flows.input_options import DataOption, FeedbackFormatOption, FormatOption, PolicyOption, with_formats
from flows.worker_options import (
    AddressesOption,
    EpochOption,
    ListenOption,
    ProcessOption,
    RecoveryOption,
    StartOption,
    options_of,
    work,
)
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy.policy import Policy

if TYPE_CHECKING:
    from flows.evaluate.files import Outcome


@guarded
def evaluate_command(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of events to be judged once; default: Kafka's topic.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="With files: the folder for feedback.ndjson.")] = None,
    feedback: Annotated[
        list[Path] | None, typer.Option("--feedback", help="With files: what users complain of here is judged too.")
    ] = None,
    reported: Annotated[
        bool, typer.Option("--reported", help="Judge once what users complain of and nobody has judged, of the store.")
    ] = False,
    days: Annotated[int, typer.Option("--days", min=1, help="With --reported: requests of so many days.")] = 7,
    most: Annotated[
        int,
        typer.Option("--most", min=1, max=100_000, help="With --reported: of each model at most so many, the newest."),
    ] = 1_000,
    data: DataOption = None,
    policy: PolicyOption = None,
    recovery_folder: RecoveryOption = Path("rollguard-evaluate-state"),
    start: StartOption = "end",
    epoch: EpochOption = 2.0,
    listen: ListenOption = "127.0.0.1:9467",
    process: ProcessOption = 0,
    addresses: AddressesOption = "",
    form: FormatOption = None,
    feedback_form: FeedbackFormatOption = None,
) -> None:
    """Judge a sample of the answers, by the evaluators of the policy: feedback, until stopped or of files."""
    where = with_formats(events_format=form, feedback_format=feedback_form)
    if reported:
        if files or feedback:
            raise typer.BadParameter("judges what is stored: name no files", param_hint="--reported")
        evaluate_reported(out, policy, where, days, most, data)
        return
    if files:
        evaluate_files(files, out, feedback or [], policy, where)
        return
    if out is not None or feedback:
        option = "--feedback" if out is None else "--out"
        raise typer.BadParameter("goes with files: else feedback goes to its topic", param_hint=option)
    from flows.evaluate import worker  # noqa: PLC0415  # It brings the Kafka client.

    work(worker.run, where, policy, options_of(recovery_folder, start, epoch, listen, process, addresses))


def evaluate_files(
    files: list[Path], out: Path | None, feedback: list[Path], policy: Path | None, where: settings.Settings
) -> None:
    """Judge files into a folder, and print the result."""
    if out is None:
        raise typer.BadParameter("is needed with files: where the feedback goes", param_hint="--out")
    from flows.evaluate import reported  # noqa: PLC0415  # It brings the clients of judges.

    named = policy or where.policy
    rules = policy_files.load_policy(named)
    require_evaluators(rules)
    stop = Stop()
    with interruptible(stop):
        _require_new(out)
        ids, refused = reported.complained_of(feedback, rules, where.feedback_format, int(time.time() * 1000))
        _tell_refused(refused, "feedback")
        _judge(files, rules, named, out, stop, where.events_format, ids)


def evaluate_reported(
    out: Path | None, policy: Path | None, where: settings.Settings, days: int, most: int, data: Path | None
) -> None:
    """Judge the unjudged requests that users complained about in `days`: into a folder, else into the topics."""
    from flows.evaluate import reported, sending  # noqa: PLC0415  # They bring the clients of judges and Kafka.

    named = policy or where.policy
    rules = policy_files.load_policy(named)
    require_evaluators(rules)
    stop = Stop()
    with interruptible(stop), TemporaryDirectory(prefix="rollguard-") as unsent:
        folder = out or Path(unsent)
        _require_new(folder)
        if out is None:
            sending.require_topics(where)
        path, ids = reported.stored(settings.store(where, data), days, most, folder)
        outcome = _judge([path], reported.for_reports(rules), named, folder, stop, "native", ids)
        if out is None:
            sending.send(where, folder, stop)
            if stop.requested:
                fail("interrupted: not all is sent", 1)
    if outcome.failed and not outcome.judged:
        fail("nothing could be judged", 1)


def _require_new(out: Path) -> None:
    from flows.evaluate import files  # noqa: PLC0415  # It brings the clients of judges.

    try:
        files.require_new(out)
    except files.OutputThere as error:
        fail(str(error), 2)


def _judge(
    files: list[Path], rules: Policy, named: Path, out: Path, stop: Stop, form: str, reported: frozenset[str]
) -> "Outcome":
    from flows.evaluate.files import run  # noqa: PLC0415  # It brings the clients of judges.

    metrics = Metrics(CollectorRegistry())
    outcome = run(files, rules, policy_files.folder_of(named), out, stop, metrics, form, reported)
    typer.echo(
        f"{outcome.events} events: {outcome.judged} judgements, {outcome.failed} failed, {outcome.skipped} left out"
    )
    _tell_refused(outcome.refused, "events")
    if outcome.refused and not outcome.events:
        fail("nothing could be read", 1)
    if stop.requested:
        fail("interrupted: not all is judged", 1)
    return outcome


def _tell_refused(count: int, what: str) -> None:
    if count:
        typer.echo(f"rollguard: {count} items of {what} are refused: `rollguard replay` says why", err=True)
