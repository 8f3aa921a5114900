"""What the README and docs/ print as commands is run as printed."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from tests.forked import rollguard

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
OWN_EVENTS = README.partition("## Your own events")[2].partition("\n## ")[0]
WORDS_MAX = 900


def page(name: str) -> str:
    return (CHECKOUT / "docs" / name).read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", OWN_EVENTS, flags=re.DOTALL)


def run(command: list[str], folder: Path) -> str:
    """Run what is installed, from nothing."""
    return succeeded(subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False))


def forked(words: list[str], folder: Path) -> str:
    return succeeded(rollguard(*words, folder=folder))


def succeeded(done: "subprocess.CompletedProcess[str]") -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= WORDS_MAX


def test_own_events_are_replayed_and_asked_as_the_readme_says(tmp_path: Path) -> None:
    events, feedback = blocks("json")
    (tmp_path / "events.ndjson").write_text(events)
    (tmp_path / "feedback.ndjson").write_text(feedback)
    (tmp_path / "infra").symlink_to(CHECKOUT / "infra")
    (commands,) = blocks("sh")
    replay, windows, errors = commands.strip().splitlines()
    program = str(Path(sys.executable).with_name("rollguard"))

    def as_printed(line: str) -> list[str]:
        return [program, *shlex.split(line)[1:]]

    assert "2 events, 1 feedback and 0 commands" in run(as_printed(replay), tmp_path)
    assert "region=eu,segment=pro" in run(as_printed(windows), tmp_path)
    assert "timeout" in run(as_printed(errors), tmp_path)


def test_commands_of_the_control_side_are_taken_as_printed(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(rollguard control .*?)```", page("verdicts.md"), flags=re.DOTALL)
    (tmp_path / "versions.json").write_text('{"candidate": {"prompt_version": "p2"}, "baseline": {}}')
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "control.ndjson").touch()
    (tmp_path / "apply.sh").write_text("#!/bin/sh\n")
    (tmp_path / "apply.sh").chmod(0o755)
    sent = 0
    for line in block.splitlines():
        words = shlex.split(line.partition("#")[0])[1:]
        if words[1] == "follow":
            words += ["--file", "results/control.ndjson", "--until-end"]
        elif words[1] != "pins":
            words += ["--file", "commands.ndjson"]
            sent += 1
        forked(words, tmp_path)
    kinds = [json.loads(line)["type"] for line in (tmp_path / "commands.ndjson").read_text().splitlines()]
    assert kinds == ["release", "release", "override", "kill", "pin", "silence"]
    assert sent == len(kinds)


def test_drift_is_watched_as_printed(tmp_path: Path) -> None:
    section = page("drift.md")
    events, feedback = blocks("json")
    (tmp_path / "events.ndjson").write_text(events)
    (tmp_path / "feedback.ndjson").write_text(feedback)
    commands, later, looked_back = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    parquet.write_table(pa.table({"amount": [1.0, 2.5, 7.0]}), tmp_path / "train.parquet")
    # What the store counted since is shown by test_reference_sources; here the table stands for it.
    since = "--store --like profile.json --from 2026-11-14T00:00:00Z"
    assert since in later
    for line in (later.replace(since, "train.parquet --like profile.json") + commands).strip().splitlines():
        forked(shlex.split(line, comments=True)[1:], tmp_path)
    monitors = "\n".join(re.findall(r"```toml\n(.*?)```", section, flags=re.DOTALL))
    default = (CHECKOUT / "flows" / "policy.toml").read_text()
    named = default.replace('profile = ""', 'profile = "profile.json"')
    (tmp_path / "policy.toml").write_text(named + monitors)
    said = forked(["check", "--policy", "policy.toml"], tmp_path)
    assert "false alarms" in said
    assert "Waiting for a profile" not in said
    forked(shlex.split(looked_back, comments=True)[1:], tmp_path)
    options = ["--feedback", "feedback.ndjson", "--policy", "policy.toml", "--out", "results"]
    forked(["replay", "events.ndjson", *options], tmp_path)


def test_the_policy_that_is_excerpted_is_the_default_policy() -> None:
    (excerpt,) = re.findall(r"For instance:\n```toml\n(.*?)```", page("policy.md"), flags=re.DOTALL)
    default = (CHECKOUT / "flows" / "policy.toml").read_text()
    for line in excerpt.splitlines():
        setting = line.partition("#")[0].strip().rstrip("[]{} ")
        assert setting.partition(", {")[0] in default, line
