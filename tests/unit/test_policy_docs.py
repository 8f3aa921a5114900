"""docs/policy.md has every key of a policy, with its default, and no other."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from operators.drift.registry import KINDS as MONITOR_KINDS
from operators.evaluators.registry import EVALUATOR_KINDS
from operators.ingest.slis.registry import KINDS as SLIS
from operators.policy import (
    command_keys,
    dead_letters,
    dedup,
    enrich,
    evaluators,
    otel,
    privacy,
    releases,
    tiers,
    triage,
    worker,
)
from operators.policy.fields import table_of
from operators.policy.policy import RUNBOOKS
from operators.policy.reading import Duration
from operators.policy_file import monitors, toml, windows
from operators.rules.registry import KINDS as RULE_KINDS

ROOT = Path(__file__).parents[2]
TOP = "Before the tables"
RULES = "[[rule]]: what every kind has"
MONITORS = "[[monitor]]: what every kind has"
EVALUATORS = "[[evaluator]]: what every kind has"
TABLES: dict[str, type[msgspec.Struct]] = {
    "[time]": toml._Time,
    "[time] idle": toml._Idle,
    "[slices]": toml.Crosses,
    "[windows]": windows.WindowsTable,
    "[windows] tumbling": windows.Tumbling,
    "[windows] sliding": windows.Sliding,
    "[windows] report": windows.Reported,
    "[measures]": toml._Measures,
    "tiers": tiers.TierTable,
    "[release]": releases.Releases,
    "[commands]": command_keys.Commands,
    "[[commands.key]]": command_keys.CommandKey,
    "[dead_letters]": dead_letters.DeadLetters,
    "[privacy]": privacy.Privacy,
    "[archive]": privacy.Archive,
    "[enrich]": enrich.Enrich,
    "[evaluate]": evaluators.Evaluate,
    "[[evaluate.rate]]": evaluators.Rate,
    "[dedup]": dedup.Dedup,
    "[otel]": otel.Otel,
    "[triage]": triage.Triage,
    "[triage] severity": triage.Severities,
    "[worker]": worker.Worker,
    "[drift]": monitors.DriftTable,
}
SAID = {("[time]", "idle"), ("[worker]", "shards"), ("[[commands.key]]", "types"), (RULES, "action")}  # In words.


def sections() -> dict[str, dict[str, str]]:
    """Return by heading the keys of its table, and what each defaults to."""
    found: dict[str, dict[str, str]] = {}
    heading = ""
    for line in (ROOT / "docs/policy.md").read_text().splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
            assert heading not in found, f"{heading} stands twice"
            found[heading] = {}
        elif row := re.match(r"\| `(\w+)` \| (.*?) \|", line):
            found[heading][row[1]] = row[2]
    return found


SECTIONS = sections()


def default_of(field: msgspec.structs.FieldInfo) -> str:
    default: Any = field.default
    if field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    if default is msgspec.NODEFAULT or default is None:
        return "-"
    if isinstance(default, Duration):
        return default.text
    return (
        default if isinstance(default, str) else msgspec.json.encode(default, enc_hook=lambda each: each.text).decode()
    )


def defaults(struct: type[msgspec.Struct]) -> dict[str, str]:
    return {field.encode_name: default_of(field) for field in msgspec.structs.fields(table_of(struct))}


@pytest.mark.parametrize("heading", TABLES)
def test_each_table_has_its_keys_and_defaults(heading: str) -> None:
    expected = defaults(TABLES[heading])
    listed = SECTIONS[heading]
    assert listed.keys() == expected.keys()
    differ = {key: (listed[key], each) for key, each in expected.items() if listed[key] != each}
    assert {key for key in differ if (heading, key) not in SAID} == set()


@pytest.mark.parametrize(
    ("common", "kind", "struct"),
    [(RULES, name, kind.rule) for name, kind in RULE_KINDS.items()]
    + [(MONITORS, name, kind.monitor) for name, kind in MONITOR_KINDS.items()]
    + [(EVALUATORS, name, kind.evaluator) for name, kind in EVALUATOR_KINDS.items()],
)
def test_each_kind_has_its_keys_and_defaults(common: str, kind: str, struct: type[msgspec.Struct]) -> None:
    expected = defaults(struct)
    assert expected.keys() <= SECTIONS[common].keys() | SECTIONS[kind].keys()
    assert SECTIONS[kind].keys() <= expected.keys()
    listed = {**SECTIONS[common], **SECTIONS[kind]}
    differ = {key for key, each in expected.items() if listed[key] != each and (common, key) not in SAID}
    assert differ == set()


def test_slis_have_the_keys_and_defaults_of_all_kinds() -> None:
    expected = {key: default for kind in SLIS.values() for key, default in defaults(kind.sli).items()}
    del expected["name"], expected["places"]  # The one stands in the heading, the other follows from `slices`.
    assert SECTIONS["[sli.NAME]"] == expected
    good = (ROOT / "docs/policy.md").read_text().partition("| `good` | - | ")[2].splitlines()[0]
    assert re.findall(r"`(\w+)`", good) == list(SLIS)


def test_no_table_is_left_out() -> None:
    file = {field.encode_name for field in msgspec.structs.fields(toml.PolicyTables)}
    named = {match[1] for heading in SECTIONS if (match := re.match(r"\[+(\w+)", heading))}
    assert named | SECTIONS[TOP].keys() == file
    assert SECTIONS[TOP]["runbook_base"] == RUNBOOKS
    headings = {
        *TABLES,
        "[sli.NAME]",
        *RULE_KINDS,
        *MONITOR_KINDS,
        *EVALUATOR_KINDS,
        RULES,
        MONITORS,
        EVALUATORS,
        TOP,
        "The policy: every key",
        "One worker, several policies",
        "A policy that changes",
    }
    assert SECTIONS.keys() == headings
