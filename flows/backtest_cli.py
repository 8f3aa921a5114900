"""`rollguard backtest`: thin."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from flows import policy_files, progress, settings
from flows.backtest.printing import print_comparison
from flows.backtest.run import Asked, compare
from flows.cli_errors import fail, guarded, interruptible
from flows.garbage import collect_rarely
from flows.input_options import (
    CommandFiles,
    DataOption,
    FeedbackFiles,
    FeedbackFormatOption,
    FormatOption,
    Streams,
    streams_of,
    with_formats,
)
from flows.plain import json_text
from operators.connectors.stop import Stop
from operators.policy.policy import Policy
from operators.wire.events import ms_of

Span = tuple[datetime | None, datetime | None]  # From a time on, before another.


@guarded
def backtest_command(
    policy: Annotated[Path, typer.Option("--policy", help="The new policy.")],
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of events; default: the request log of the store.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", help="The policy to compare with; default: the one in force.")
    ] = None,
    feedback: FeedbackFiles = None,
    commands: CommandFiles = None,
    start: Annotated[str | None, typer.Option("--from", help="From that day or time on, such as 2026-11-21.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Before that day or time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    form: FormatOption = None,
    feedback_form: FeedbackFormatOption = None,
    data: DataOption = None,
) -> None:
    """Say what another policy would have said of the same events, beside what the one in force says."""
    where = with_formats(events_format=form, feedback_format=feedback_form)
    old, new = policy_files.load_policy(against or where.policy), policy_files.load_policy(policy)
    span = _span(start, to)
    streams = streams_of(files, feedback, commands)
    collect_rarely()
    stop = Stop()
    with TemporaryDirectory(prefix="rollguard-backtest-") as folder, interruptible(stop):
        if files:
            asked = _of_files(streams, span, where, data)
        else:
            asked = _of_store(streams, span, settings.store(where, data), Path(folder), (old, new))
        with progress.of_files([path for some in asked.files.values() for path in some]) as progressed:
            found = compare(old, new, asked, stop, progressed)
    if stop.requested:
        fail("interrupted: not all was compared", 1)
    if as_json:
        sys.stdout.write(json_text(found))
    else:
        print_comparison(found, Console(markup=False, emoji=False, highlight=False))


def _of_files(streams: Streams, span: Span, where: settings.Settings, data: Path | None) -> Asked:
    if data is not None:
        raise typer.BadParameter("names a store, and files are compared by: give one of them", param_hint="--data")
    start, end = (None if each is None else ms_of(each) for each in span)
    return Asked(
        files=streams, forms=settings.forms(where), pseudonyms=settings.pseudonyms(where), start=start, end=end
    )


def _of_store(streams: Streams, span: Span, url: str, folder: Path, policies: tuple[Policy, Policy]) -> Asked:
    """Return the store's data of some days, written to files, with notes on what the policies need and it lacks."""
    if streams["feedback"] or streams["commands"]:
        raise typer.BadParameter("go with files: the store has its own", param_hint="--feedback and --commands")
    start, end = span
    if start is None or end is None:
        raise typer.BadParameter("are needed without files: days of the store", param_hint="--from and --to")
    from flows.backtest.archived import files_of, unread_of  # noqa: PLC0415  # It brings the driver of ClickHouse.

    notes = dict.fromkeys(note for each in policies for note in unread_of(each))
    files = files_of(url, start, end, folder)
    return Asked(files=files, notes=list(notes), start=ms_of(start), end=ms_of(end))


def _span(start: str | None, to: str | None) -> Span:
    begin, end = _time("--from", start), _time("--to", to)
    if begin is not None and end is not None and end <= begin:
        raise typer.BadParameter(f"{to!r}: must be after --from", param_hint="--to")
    return begin, end


def _time(option: str, text: str | None) -> datetime | None:
    """Return the time that an option names; a day is its beginning, UTC."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: must be a day such as 2026-11-21, or a time", param_hint=option) from error
    if time.tzinfo is None and len(text) > len("2026-11-21"):
        raise typer.BadParameter(f"{text!r}: needs an offset, such as Z or +01:00", param_hint=option)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
