"""`rollguard demo` and `replay`: what needs no broker; thin."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry
from rich.console import Console

from flows import command_secrets, page_cli, policy_files, progress, replay, settings
from flows.archive.privacy import checked_pseudonyms
from flows.cli_errors import fail, guarded, interruptible
from flows.garbage import collect_rarely
from flows.input_options import (
    CommandFiles,
    FeedbackFiles,
    FeedbackFormatOption,
    FormatOption,
    PolicyOption,
    streams_of,
    with_formats,
)
from flows.page_cli import PageOption
from operators.connectors.stop import Stop
from operators.metrics import Metrics

SECONDS = 20.0  # That the classifier's hour lasts.


@guarded
def demo_command(
    data: Annotated[Path, typer.Option("--data", help="The folder for what comes out.")] = settings.DATA,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0, help="How long the simulated hour lasts, 20 by default.")
    ] = None,
    llm: Annotated[
        bool, typer.Option("--llm", help="The second half: judged answers, complaints, and the test that stops a bug.")
    ] = False,
    page: PageOption = None,
) -> None:
    """Serve a real classifier in two versions for a simulated hour, and watch it live; or an assistant, judged."""
    if llm and seconds is not None:
        raise typer.BadParameter("is of the classifier's hour: --llm takes as long as it takes", param_hint="--seconds")
    stop, at_desk = Stop(), page_cli.is_desk()
    server = page_cli.server_of(settings.load(), settings.embedded(data), page or ("127.0.0.1:0" if at_desk else None))
    console = Console(highlight=False)
    with page_cli.ended(server), interruptible(stop):
        if server is not None:
            page_cli.show(server.address, at_desk)
        complete = (_assistant if llm else _classifier)(seconds, data, stop, console, page_cli.opener(server))
        if complete and server is not None:
            page_cli.stay(server.address, stop)
    if not complete:
        fail("interrupted: not all panes are closed", 1)


def _classifier(seconds: float | None, data: Path, stop: Stop, console: Console, opened: Callable[[], None]) -> bool:
    from flows.demo import run as demo  # noqa: PLC0415  # It brings river, half a second of imports.

    return demo.run(demo.last_hour(), SECONDS if seconds is None else seconds, data, stop, console, opened).complete


def _assistant(_: float | None, data: Path, stop: Stop, console: Console, opened: Callable[[], None]) -> bool:
    from flows.demo.llm import run as story  # noqa: PLC0415  # It brings the clients of judges.

    try:
        story.run(story.last_hour(), data, stop, console, opened)
    except story.Interrupted:
        return False
    except story.StoryFailed as error:
        fail(f"the demo did not come out as it should: {error}", 1)
    return True


@guarded
def replay_command(
    files: Annotated[list[Path], typer.Argument(help="Files of events, .ndjson, .gz or .zst; each is a partition.")],
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder for what comes out.")],
    feedback: FeedbackFiles = None,
    commands: CommandFiles = None,
    policy: PolicyOption = None,
    archive: Annotated[bool, typer.Option("--archive", help="Write the request log too.")] = False,
    form: FormatOption = None,
    feedback_form: FeedbackFormatOption = None,
    page: PageOption = None,
) -> None:
    """Run files through the monitor into an embedded store, without a broker."""
    where = with_formats(events_format=form, feedback_format=feedback_form)
    rules = policy_files.load_policy(policy or where.policy)
    collect_rarely()
    stop = Stop()
    server = page_cli.server_of(where, settings.embedded(out), page)
    if server is not None:
        page_cli.show(server.address, False)
    streams = streams_of(files, feedback, commands)
    if archive:
        replay.require_files(streams)
    paths = [path for some in streams.values() for path in some]
    with page_cli.ended(server), progress.of_files(paths) as progressed, interruptible(stop):
        credentials = command_secrets.credentials(where, rules)
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
