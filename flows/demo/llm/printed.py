"""What the second half of the demo prints: a step at a time, each with the command that does the same."""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import msgspec
from rich.console import Console

from flows import settings
from flows.demo.decided import clock
from flows.demo.llm.assistant import BASELINE, CANDIDATE, MENDED, MODEL, PROMPTS, RETRY
from flows.demo.llm.known import CAUSE, SHARE
from flows.demo.llm.world import World
from flows.demo.view import utc
from flows.program import called
from flows.triage.collect import Collected
from flows.triage.gate import Ran
from operators.connectors.clickhouse.tables import Row
from operators.evals.case import EvalCase
from operators.evals.sets import EvalSet
from operators.triage.cases import Case
from operators.wire.control import ControlEvent

WIDTH = 80
SHOWN = 3  # Clusters that are shown with their texts.
Item = Mapping[str, Any]


def _say(console: Console, *lines: str) -> None:
    # Soft wrap: the lines are short enough, and a command broken into lines cannot be copied.
    if lines:
        console.print("\n".join(lines), soft_wrap=True, markup=False)


def _head(console: Console, number: int, title: str, command: str = "") -> None:
    console.print(f"\n{number}  {title}", style="bold", soft_wrap=True, markup=False)
    if command:
        console.print(f"   $ rollguard {command}", style="dim", soft_wrap=True, markup=False)


def _wrapped(text: str, indent: str = "   ") -> list[str]:
    return wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def introduce(console: Console) -> None:
    """Say what will be seen."""
    _say(
        console,
        "An assistant answers a shop's customers from its handbook. Version v2 has a prompt",
        "that saves tokens, and a bug: it leaves the exceptions out. No answer fails.",
        *(f"   {version}  {PROMPTS[version].name}: {PROMPTS[version].words}" for version in (BASELINE, CANDIDATE)),
    )


def serving(world: World, events: Sequence[Item], users: Sequence[Item], console: Console) -> None:
    """Say what was served, and what users made of it."""
    _head(console, 1, "A simulated hour is served")
    second = world.start_ms + world.release_ms
    tokens: dict[str, list[int]] = defaultdict(list)
    for event in events:
        tokens[event["version"]].append(event["output_tokens"])
    mean = {version: sum(some) / len(some) for version, some in tokens.items()}
    reports = sum(each["kind"] == "report" for each in users)
    _say(
        console,
        f"   {len(events):,} questions from {utc(world.start_ms)} UTC on;"
        f" from {utc(second)} on {CANDIDATE} answers {100 * world.candidate_share:g} % of them.",
        f"   {CANDIDATE} saves {100 * (1 - mean[CANDIDATE] / mean[BASELINE]):.0f} % of the tokens, and nothing fails;"
        f" {reports} users report an answer.",
    )


def judging(feedback: Path, failed: int, console: Console) -> None:
    """Say what the judge made of a sample."""
    _head(console, 2, "A sample is judged", "evaluate events.ndjson --out judged --policy policy.toml")
    counts = {version: [0, 0] for version in (BASELINE, CANDIDATE)}
    golden = [0, 0]
    for line in feedback.read_bytes().splitlines():
        item = msgspec.json.decode(line)
        if item["kind"] == "label":
            golden[item["value"] == item["prediction"]] += 1
        else:
            counts[item["version"]][item["value"] >= 4] += 1
    _say(
        console,
        f"   {100 * SHARE:g} % of the answers go to an endpoint that scores them"
        f" (here a script on this machine); {failed} calls failed.",
        *(
            f"   {version}: {bad} of {bad + good} answers are bad, {100 * bad / max(1, bad + good):.1f} %"
            for version, (bad, good) in counts.items()
        ),
        f"   The judge is judged too: it agrees with people on {golden[1]} of {sum(golden)} golden cases.",
    )


def watching(rollback: ControlEvent, console: Console) -> None:
    """Say what rollguard decided."""
    files = "events.ndjson judged/judges.ndjson --feedback users.ndjson --feedback judged/feedback.ndjson"
    _head(console, 3, "The scores are watched", f"replay {files} --archive --policy policy.toml --out results")
    _say(console, f"   {clock(rollback.ts)}  {rollback.type}", *_wrapped(rollback.sentence))
    _say(console, "   That ends the harm. It says neither why, nor that it cannot happen again.")


def triaging(made: Collected, rows: Sequence[Row], cases: Mapping[str, Case], console: Console) -> None:
    """Say what people are to look at."""
    _head(console, 4, "What went wrong is looked at", "triage collect; rollguard triage list")
    _say(console, f"   {made.cases} cases, and as many as tell the same story are one line: {len(rows)} to look at.")
    for row in rows[:SHOWN]:
        case = cases[row["id"]]
        _say(
            console,
            f"   {row['id'][:8]}  {row['version']}  {row['size']} like it, the worst signal: {row['reason']}",
            f"      asked     {case.input}",
            f"      answered  {case.output}",
            *(f"      user      {each.value}" for each in case.signals[:1] if each.kind == "report"),
        )
    _say(console, *([f"   and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []))


def converting(tests: Sequence[EvalCase], made: EvalSet, console: Console) -> None:
    """Say what became of the cases."""
    _head(
        console, 5, "Each becomes a test",
        f"triage label CASE --cause {CAUSE} --cluster; rollguard triage convert CASE --contains ...",
    )  # fmt: skip
    _say(
        console,
        f'   You read the handbook: v2 cuts the exception off. Root cause "{CAUSE}".',
        *(f"   {test.input}\n      must hold: {test.checks[0].value}" for test in tests[:SHOWN]),
        *([f"   and {len(tests) - SHOWN} more"] if len(tests) > SHOWN else []),
        f"   Eval set {made.number} of {MODEL} has {len(made.cases)} tests. It never changes: {made.hash}",
    )


def gating(console: Console) -> None:
    """Say what the tests are for."""
    _head(
        console, 6, "No version passes that has the bug",
        f"gate {MODEL} --version VERSION --baseline {BASELINE} --endpoint URL",
    )  # fmt: skip
    _say(console, *(f"   {each}  {PROMPTS[each].name}: {PROMPTS[each].words}" for each in (RETRY, MENDED)), "")


def gated(version: str, ran: Ran, cases: Sequence[EvalCase], held: bool, console: Console) -> None:
    """Say what the gate said of one version."""
    found, asked = ran.found, {case.id: case.input for case in cases}
    code = f"exit code {0 if held else 1}"
    _say(
        console,
        f"   {version}  {'held' if held else 'FAILED':<6}  {found.passed} of {found.cases} tests passed, {code}",
    )
    _say(console, *(f"       broke: {asked[case]}" for case in found.broke[:SHOWN]))
    if len(found.broke) > SHOWN:
        _say(console, f"       and {len(found.broke) - SHOWN} more")


def conclude(data: Path, console: Console) -> None:
    """Say what it was for, and what to ask next."""
    program = called()
    where = "" if data == settings.DATA else f" --data {shlex.quote(str(data))}"
    _say(
        console,
        "",
        f"Users met the bug once. {RETRY} was to save tokens again and had it again: it never came to them.",
        "",
        "Look further:",
        f"{program} triage list{where} --status labelled --status converted --status open",
        f"{program} evals show {MODEL}{where}",
        f"{program} evals export {MODEL}{where} --format promptfoo",
    )
