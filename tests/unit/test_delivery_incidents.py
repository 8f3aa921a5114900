"""Incidents as the worker numbers them: an update updates what people have, and wakes nobody."""

from pathlib import Path

from operators.wire.control import ControlEvent
from tests.control_samples import event
from tests.delivering import acts, alert, folder, follow, over, receiver
from tests.receiving import Receiver

__all__ = ["folder", "receiver"]  # Fixtures.


def release() -> tuple[ControlEvent, ...]:
    """All that is said of a version that is rolled back: one incident."""
    steps = (
        event(1, kind="hold", severity="info"),
        alert(2, rule="canary"),
        alert(3, rule="canary", update=True),
        event(4, "v1", update=True),
        event(5, "v1", "rollback_applied", severity="info", update=True),
        over(6, rule="canary", update=True),
        event(7, "v1", "recovered", severity="info", update=True, closes=True),
    )
    return tuple(event_of(each, "i1") for each in steps)


def event_of(said: ControlEvent, incident: str) -> ControlEvent:
    return ControlEvent(**{name: getattr(said, name) for name in said.__struct_fields__} | {"incident": incident})


def test_pagerduty_has_one_incident_of_a_release(folder: Path, receiver: Receiver) -> None:
    assert follow("--pagerduty", events=release()).exit_code == 0
    assert [action for action, _ in acts(receiver)] == ["trigger", "trigger", "trigger", "resolve"]
    assert len({key for _, key in acts(receiver)}) == 1


def test_alertmanager_has_one_alert_of_it_with_the_labels_it_began_with(folder: Path, receiver: Receiver) -> None:
    follow("--alertmanager", receiver.url, events=release())
    alerts = [each for body in receiver.bodies() for each in body if each["labels"]["severity"] == "page"]
    assert {tuple(sorted(each["labels"].items())) for each in alerts} == {tuple(sorted(alerts[0]["labels"].items()))}
    said = [each["annotations"]["summary"] for each in alerts]
    assert any("rolled back" in each for each in said)
    assert alerts[-1]["endsAt"] < alerts[0]["endsAt"]  # It is over.


def test_what_comes_after_the_end_is_another_one(folder: Path, receiver: Receiver) -> None:
    again = event_of(event(8, "v1"), "i2")
    follow("--pagerduty", events=(*release(), again))
    assert acts(receiver)[-1][0] == "trigger"
    assert len({key for _, key in acts(receiver)}) == 2


def test_a_version_that_serves_again_ends_what_was_open_of_it_and_pages(folder: Path, receiver: Receiver) -> None:
    first, again = (event_of(event(number, "v1"), f"i{number}") for number in (1, 2))
    follow("--pagerduty", events=(first, again))
    assert [action for action, _ in acts(receiver)] == ["trigger", "resolve", "trigger"]


def test_an_update_of_what_nobody_saw_begin_opens_it(folder: Path, receiver: Receiver) -> None:
    follow("--pagerduty", events=(event_of(alert(3, update=True), "i1"), event_of(over(4, closes=True), "i1")))
    assert [action for action, _ in acts(receiver)] == ["trigger", "resolve"]
