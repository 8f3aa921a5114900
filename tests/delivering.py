"""What tests of deliveries share: a receiver, the events of an incident, `control follow` on a file of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows import cli
from operators.wire.control import Affected, ControlEvent, Evidence
from tests.control_samples import event, line
from tests.receiving import Receiver, receiving

KEY = "0123456789abcdef0123456789ABCDEF"  # In the form of PagerDuty's routing keys.


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ROLLGUARD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ROLLGUARD_PAGERDUTY_KEY", KEY)
    monkeypatch.setenv("ROLLGUARD_PAGERDUTY_URL", receiver.url)
    return tmp_path


def follow(*words: str, events: tuple[ControlEvent, ...] = (), attempts: int = 1) -> Result:
    """Add events to control.ndjson, and follow the file to its end."""
    with Path("control.ndjson").open("ab") as file:
        file.writelines(line(each) for each in events)
    fixed = ("--file", "control.ndjson", "--until-end", "--attempts", str(attempts))
    return CliRunner().invoke(cli.app, ["control", "follow", *fixed, *words])


def alert(revision: int, **more: object) -> ControlEvent:
    """Return an alert of rule slo on two slices in which a fifth of the answers is bad."""
    slices = tuple(
        Affected(slice=name, verdict="BAD", evidence=Evidence(good=80, bad=20)) for name in ("region=eu", "region=us")
    )
    fields = {"kind": "alert", "rule": "slo", "slices": slices, "evidence": slices[0].evidence}
    return event(revision, **(fields | more))  # type: ignore[arg-type]


def over(revision: int, **more: object) -> ControlEvent:
    """Return the end of that alert."""
    return alert(revision, state="resolved", severity="info", **more)


def acts(receiver: Receiver) -> list[tuple[str, str]]:
    """Return the actions that PagerDuty was asked for, each with the key of the incident."""
    return [(body["event_action"], body["dedup_key"]) for body in receiver.bodies()]
