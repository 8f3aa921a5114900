"""What can be asked of a finished demo, each as a command to copy."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console

from flows import replay, settings
from flows.demo.folder import EVENTS, FEEDBACK, POLICY
from flows.demo.serve import MODEL

QUESTIONS = (
    (
        "All that was said, in order",
        "SELECT revision, at, type, state, version, pin, rule, severity, reason FROM control_latest ORDER BY revision",
    ),
    (
        "How the evidence grew: the difference of v2 and v1, and how often it was told",
        "SELECT at, slice, verdict, value, lower, upper, JSONExtractFloat(evidence, 'log_e') AS log_e "
        "FROM verdict_latest WHERE rule = 'canary' AND version = 'v2' AND sli = 'correct' ORDER BY at, slice",
    ),
    (
        "Every slice, crosses too, over the hour",
        "SELECT slice, version, good, bad, ratio, lower, upper FROM sli_window_latest WHERE sli = 'correct' "
        "AND size_ms = 3600000 ORDER BY window_end DESC, slice, version LIMIT 1 BY slice, version",
    ),
    (
        "When it began: v2 in region=eu, five minutes at a time",
        "SELECT window_end, good, bad, ratio, lower, upper FROM sli_window_latest WHERE sli = 'correct' "
        "AND version = 'v2' AND slice = 'region=eu' AND size_ms = 300000 "
        "AND toUnixTimestamp(window_end) % 300 = 0 ORDER BY window_end",
    ),
    (
        "What goes wrong: the share of phishing pages that was found, and how sure the model was",
        "SELECT version, dims['region'] AS region, countIf(value = 'phishing') AS phishing, "
        "countIf(value = 'phishing' AND prediction = value) / phishing AS found, avg(score) AS confidence "
        "FROM feedback_latest GROUP BY version, region ORDER BY region, version",
    ),
    ("What was refused, and why", "SELECT source, position, reason, detail FROM dead_letter_latest ORDER BY position"),
)
FILES = ("mttr", "rollbacks")  # Of infra/clickhouse/queries, asked with the model alone.
ALWAYS = {"from": "2000-01-01 00:00:00", "to": "2100-01-01 00:00:00"}
CALIBRATION = {"model": MODEL, **ALWAYS, "panes": "outcome_pane_latest"}


def ask_further(data: Path, console: Console) -> None:
    """Print the questions as commands."""
    program = _program()
    where = "" if data == settings.DATA else f"--data {shlex.quote(str(data))} "
    for title, query in QUESTIONS:
        _show(console, title, f'{program} sql {where}"{query}"')
    files = [f"{program} sql {where}@{_near(query_file(name))} --param model={MODEL}" for name in FILES]
    _show(console, "The times of each rollback, and its evidence unpacked", *files)
    params = " ".join(f"--param {shlex.quote(f'{name}={value}')}" for name, value in CALIBRATION.items())
    _show(
        console,
        "Is each version as often right as it is sure? v1 is too modest, v2 also sure of wrong answers",
        f"{program} sql {where}@{_near(query_file('calibration'))} {params}",
    )
    control = shlex.quote(str(data / replay.CONTROL))
    _show(
        console,
        "What a gateway reads: every control event, and where traffic must go now",
        f"{program} control follow --file {control} --until-end",
        f"{program} control pins --file {control}",
    )
    events, feedback, policy = (shlex.quote(str(data / name)) for name in (EVENTS, FEEDBACK, POLICY))
    _show(
        console,
        "The same hour from the files: windows, verdicts and control events come out the same",
        f"{program} replay {events} --feedback {feedback} --policy {policy} --out replayed",
    )


def query_file(name: str) -> Path:
    return settings.migrations() / "queries" / f"{name}.sql"


def _show(console: Console, title: str, *commands: str) -> None:
    console.print(f"\n# {title}", style="dim", soft_wrap=True)
    # Soft wrap: a command broken into lines cannot be copied.
    console.print("\n".join(commands), soft_wrap=True, markup=False)


def _near(path: Path) -> str:
    """Return a path, relative or not, whichever is shorter."""
    return shlex.quote(min(str(path), os.path.relpath(path), key=len))


def _program() -> str:
    """Return how this program can be called: by its name only where the shell would find it."""
    called = Path(sys.argv[0])
    if called.name != "rollguard" or shutil.which("rollguard"):
        return "rollguard"
    return os.path.relpath(called)
