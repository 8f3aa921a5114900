"""`rollguard evaluate`: thin."""

from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry

from flows import settings
from flows.cli_errors import fail, guarded, interruptible
from flows.input_options import FormatOption, PolicyOption, with_formats
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
        evaluate_files(files, out, policy, with_formats(events_format=form))
        return
    if out is not None:
        raise typer.BadParameter("goes with files: else feedback goes to its topic", param_hint="--out")
    from flows.evaluate import worker  # noqa: PLC0415  # It brings the Kafka client.

    where = with_formats(events_format=form)
    work(worker.run, where, policy, options_of(recovery_folder, start, epoch, listen, process, addresses))


def evaluate_files(files: list[Path], out: Path | None, policy: Path | None, where: settings.Settings) -> None:
    """Judge files into a folder, and say what it came to."""
    if out is None:
        raise typer.BadParameter("is needed with files: where the feedback goes", param_hint="--out")
    from flows.evaluate import files as of_files  # noqa: PLC0415  # It brings the clients of judges.

    stop = Stop()
    named = policy or where.policy
    rules = settings.load_policy(named)
    with interruptible(stop):
        try:
            outcome = of_files.run(
                files, rules, settings.folder_of(named), out, stop, Metrics(CollectorRegistry()), where.events_format
            )
        except of_files.OutputThere as error:
            fail(str(error), 2)
    typer.echo(
        f"{outcome.events} events: {outcome.judged} judgements, {outcome.failed} failed, {outcome.skipped} left out"
    )
    if stop.requested:
        fail("interrupted: not all is judged", 1)
