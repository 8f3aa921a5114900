"""What tests of deliveries share: events that tell of an incident, and `control follow` on a file of them."""

from pathlib import Path

from typer.testing import CliRunner, Result

from flows import cli
from operators.control import Affected, ControlEvent, Evidence
from tests.control_samples import event, line
from tests.receiving import Receiver

KEY = "0123456789abcdef0123456789ABCDEF"  # As PagerDuty's routing keys look.


def follow(*words: str, events: tuple[ControlEvent, ...] = (), attempts: int = 1) -> Result:
    """Add events to control.ndjson, and follow it to its end."""
    with Path("control.ndjson").open("ab") as file:
        file.writelines(line(each) for each in events)
    fixed = ("--file", "control.ndjson", "--until-end", "--attempts", str(attempts))
    return CliRunner().invoke(cli.app, ["control", "follow", *fixed, *words])


def alert(revision: int, **more: object) -> ControlEvent:
    """Return an alert of rule slo on two slices, a fifth of whose answers are bad."""
    slices = tuple(
        Affected(slice=name, verdict="BAD", evidence=Evidence(good=80, bad=20)) for name in ("region=eu", "region=us")
    )
    fields = {"kind": "alert", "rule": "slo", "slices": slices, "evidence": slices[0].evidence}
    return event(revision, **(fields | more))  # type: ignore[arg-type]


def over(revision: int, **more: object) -> ControlEvent:
    """Return the end of that alert."""
    return alert(revision, state="resolved", severity="info", **more)


def acts(receiver: Receiver) -> list[tuple[str, str]]:
    """Return what PagerDuty was asked, with the key of the incident."""
    return [(body["event_action"], body["dedup_key"]) for body in receiver.bodies()]
