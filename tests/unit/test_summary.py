"""What a bounded run says of control events, in its summary and in the lines that a person reads."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from flows import policy_files, settings
from flows.progress import print_summary
from flows.summary import WITHDRAWN_MAX, Recorder, Summary
from operators.ingest.partition import Partition
from operators.metrics import Metrics
from operators.sources.input import Input
from operators.wire.control import Affected, ControlEvent, ControlType, Evidence
from tests.dataflows.making import received
from tests.otel_spans import twins


def _event(kind: ControlType, revision: int, pin: str | None = None, text: str = "") -> ControlEvent:
    slices = (Affected(slice=text, verdict="BAD", evidence=Evidence()),) if text else ()
    return ControlEvent(
        id=f"e{revision}",
        revision=revision,
        type=kind,
        ts=1_763_700_000_000,
        model="m",
        version="v2",
        rule="canary",
        severity="page",
        policy="p",
        pin=pin,
        slices=slices,
    )


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    policy = policy_files.load_policy(settings.Settings().policy)
    return Recorder([], policy, tmp_path / "letters", Metrics(CollectorRegistry()))


def test_control_events_are_counted_and_a_rollback_is_named(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [_event("hold", 1), _event("alert", 2), _event("rollback", 3, "v1", "region=eu"), _event("alert", 4, "v1")]
    for event in (*said, _event("kill", 5)):
        recorder.say(event)
    assert recorder.summary.control == {"hold": 1, "alert": 2, "rollback": 1, "kill": 1}
    print_summary(recorder.summary, Path("out"))
    lines = capsys.readouterr().out.splitlines()
    assert "control events: 2 alert, 1 hold, 1 kill, 1 rollback" in lines
    assert "2025-11-21 04:40:00Z m: rolled v2 back to v1, by canary, worst slice region=eu" in lines
    assert "2025-11-21 04:40:00Z m: killed v2, by canary, worst slice *" in lines


def test_a_run_that_says_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(Summary(policy="p"), Path("out"))
    assert "control events: none" in capsys.readouterr().out.splitlines()


def test_a_summary_stays_small_however_much_is_said(recorder: Recorder) -> None:
    for revision in range(2 * WITHDRAWN_MAX):
        recorder.say(_event("rollback", revision, "v1"))
    assert (len(recorder.summary.withdrawn), recorder.summary.control["rollback"]) == (WITHDRAWN_MAX, 2 * WITHDRAWN_MAX)


def test_feedback_in_a_log_of_spans_is_counted_as_such(tmp_path: Path) -> None:
    policy = policy_files.load_policy(settings.Settings().policy)
    metrics = Metrics(CollectorRegistry())
    (twin,) = twins(40, 40)
    given = Input(name="p", stream="events", open=lambda _: pytest.fail("is not read"), form="otlp")
    recorder = Recorder([given], policy, tmp_path / "letters", metrics)
    recorder.take("p", Partition("p", "events", ("p",), policy, form="otlp").take(received([twin.proto])))
    assert (recorder.summary.events, recorder.summary.feedback) == (40, len(twin.feedback))
    assert twin.feedback
