"""`rollguard check`: thin."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import check as checks
from flows import policy_files, progress, settings
from flows.backtest.false_alarms import QuietFiles, measured
from flows.backtest.printing_alarms import print_alarms
from flows.check_keys import print_keys
from flows.cli_errors import fail, guarded, interruptible
from flows.input_options import (
    CommandFiles,
    FeedbackFiles,
    FeedbackFormatOption,
    FormatOption,
    PolicyOption,
    Streams,
    streams_of,
    with_formats,
)
from flows.plain import json_text
from operators.connectors.stop import Stop
from operators.policy.policy import Policy


@guarded
def check_command(
    files: Annotated[list[Path] | None, typer.Argument(help="Files of events, with --backtest.")] = None,
    policy: PolicyOption = None,
    backtest: Annotated[
        bool, typer.Option("--backtest", help="Measure the false alarms in files of a time in which all was well.")
    ] = False,
    feedback: FeedbackFiles = None,
    commands: CommandFiles = None,
    keys: Annotated[
        bool, typer.Option("--keys", help="Print every key that is in force, with its value: those by default, too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with --keys or --backtest.")] = False,
    form: FormatOption = None,
    feedback_form: FeedbackFormatOption = None,
) -> None:
    """Validate a policy and say what it will keep; or what its false alarms are on your own data."""
    where = with_formats(events_format=form, feedback_format=feedback_form)
    rules = policy_files.load_policy(policy or where.policy)
    streams = streams_of(files, feedback, commands)
    if not backtest:
        _describe(rules, streams, keys, as_json)
        return
    if not files or keys:
        raise typer.BadParameter("needs files of events, and goes without --keys", param_hint="--backtest")
    _backtest(rules, streams, where, as_json)


def _describe(rules: Policy, streams: Streams, keys: bool, as_json: bool) -> None:
    """Print what a policy keeps, or all its keys. BadParameter for options that belong to --backtest."""
    has_files, files = any(streams.values()), streams["events"]
    if keys and not has_files:
        print_keys(rules, as_json)
        return
    if files and not (streams["feedback"] or streams["commands"] or as_json):
        raise typer.BadParameter(
            f"{files[0]}: files are of events, for --backtest; a policy is named by --policy", param_hint="files"
        )
    if has_files or as_json:
        raise typer.BadParameter("go with --backtest", param_hint="files, --feedback, --commands and --json")
    checks.print_policy(rules, Console(markup=False, emoji=False))


def _backtest(rules: Policy, streams: Streams, where: settings.Settings, as_json: bool) -> None:
    stop = Stop()
    files = QuietFiles(paths=streams, forms=settings.forms(where), pseudonyms=settings.pseudonyms(where))
    with interruptible(stop), progress.of_files([path for some in streams.values() for path in some]) as progressed:
        found = measured(rules, files, stop, progressed)
    if stop.requested:
        fail("interrupted: not all was measured", 1)
    if as_json:
        sys.stdout.write(json_text(found))
    else:
        print_alarms(found, Console(markup=False, emoji=False, highlight=False))
