"""What a person sees of a bounded run: a bar per input while it runs, and a summary at its end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from flows.plain import plain
from flows.program import called
from flows.summary import Summary

QUESTION = "SELECT version, slice, sli, ratio FROM sli_window_latest ORDER BY window_end"


@contextmanager
def of_files(paths: Sequence[Path]) -> Iterator[Callable[[str, int], None]]:
    """Show how much of each file has been read; yields a function of a file's name and its bytes read."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {str(path): bars.add_task(path.name, total=_size(path)) for path in paths}
        yield lambda name, count: bars.update(tasks[name], completed=count)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def print_summary(summary: Summary, out: Path) -> None:
    """Print the result of a run in a few lines."""
    console = Console(highlight=False, markup=False, emoji=False)  # A path may look like markup.
    refused = sum(summary.rejects.values())
    span = f", {_clock(summary.first_ms)} to {_clock(summary.last_ms)}" if summary.last_ms else ""
    taken = f"{summary.events} events, {summary.feedback} feedback and {summary.commands} commands"
    console.print(f"{taken} in {summary.seconds} s{span}", soft_wrap=True)
    if summary.late:
        console.print(f"{summary.late} came late and are counted in rows of their own (late = 1)")
    if refused:
        reasons = ", ".join(f"{count} {reason}" for reason, count in summary.rejects.most_common())
        console.print(f"{refused} refused: {reasons} (see {out / 'deadletter.ndjson'})")
    if summary.unclaimed:
        names = ", ".join(summary.unclaimed_models)
        console.print(plain(f"{summary.unclaimed} of models that no policy takes: {names}"), soft_wrap=True)
    for stream, fields in summary.unread.items():
        console.print(plain(f"fields of {stream} that nobody reads: {', '.join(fields)}"), soft_wrap=True)
    if summary.rows_refused:
        console.print(f"{summary.rows_refused} rows refused by ClickHouse (see {out / 'deadletter.ndjson'})")
    rows = ", ".join(f"{count} {table}" for table, count in sorted(summary.rows.items()))
    console.print(f"rows: {rows or 'none'}", soft_wrap=True)
    _print_control(summary, console)
    console.print(f'ask: {called()} sql --data {quote(str(out))} "{QUESTION}"', soft_wrap=True)


def _print_control(summary: Summary, console: Console) -> None:
    types = ", ".join(f"{count} {kind}" for kind, count in sorted(summary.control.items()))
    console.print(f"control events: {types or 'none'}", soft_wrap=True)
    for each in summary.withdrawn:
        what = f"killed {each.version}" if each.pin is None else f"rolled {each.version} back to {each.pin}"
        where = f"by {each.rule}, worst slice {each.slice}"
        console.print(plain(f"{_clock(each.ts)} {each.model}: {what}, {where}"), soft_wrap=True)


def _clock(ms: int | None) -> str:
    return datetime.fromtimestamp((ms or 0) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
