"""What producers write and nobody reads is told, once, with the field that was perhaps meant."""

import json
import logging
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from flows.progress import print_summary
from flows.pulse import Pulse
from flows.settings import load
from flows.summary import UNREAD_MAX, Recorder
from flows.watcher import Watcher
from operators.connectors.reader import Reader
from operators.ingest.formats.format import Stream
from operators.ingest.partition import Batch, Partition
from operators.metrics import Metrics
from operators.policy_file.toml import parse
from operators.sources.input import Input
from tests.dataflows.making import POLICY, START_MS, received

POLICY_OF_NOW = parse(POLICY)
EVENT = {"request_id": "r1", "ts": START_MS, "model": "m", "version": "v1"}


def unopened(position: int | None) -> Reader:
    raise AssertionError("nothing is read from it")


def take(*messages: bytes, stream: Stream = "events") -> Batch:
    return Partition("s", stream, ("s",), POLICY_OF_NOW).take(received(messages))


def test_a_field_of_no_meaning_is_told_and_its_event_counts() -> None:
    batch = take(json.dumps(EVENT | {"error": "timeout", "latency": 3, "shop": 7}).encode())
    assert batch.items == 1
    assert sorted(batch.unread) == ["error (error_type?)", "latency (latency_ms?)", "shop"]


def test_a_field_that_is_there_is_not_meant_by_another() -> None:
    assert not take(json.dumps(EVENT | {"error_type": "timeout", "trace_id": "t"}).encode()).unread
    assert take(json.dumps(EVENT | {"error_type": "timeout", "error": "x"}).encode()).unread == {"error"}


def test_arrays_lines_and_feedback_are_looked_at() -> None:
    odd = json.dumps(EVENT | {"shop": 7})
    assert take(f"[{odd}]".encode()).unread == {"shop"}
    assert take(f"{odd}\n{odd}".encode()).unread == {"shop"}
    feedback = {
        "request_id": "r1",
        "ts": START_MS,
        "kind": "label",
        "value": 1,
        "model": "m",
        "version": "v1",
        "by": "x",
    }
    assert take(json.dumps(feedback).encode(), stream="feedback").unread == {"by"}


@pytest.mark.parametrize("message", [b"", b"[", b"[1]", b"3", b"\xff", b"[" * 50_000, b'{"a":' * 50_000])
def test_what_is_no_item_has_no_fields(message: bytes) -> None:
    assert not take(message).unread


def test_made_up_names_are_bounded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inputs = [Input(name="s", stream="events", open=unopened)]
    recorder = Recorder(inputs, POLICY_OF_NOW, tmp_path / "letters", Metrics(CollectorRegistry()))
    for first in range(0, 400, 40):
        made_up = {f"\x1b[31m{number}" + "x" * 1_000: 1 for number in range(first, first + 40)}
        recorder.take("s", take(json.dumps(EVENT | made_up).encode()))
    names = recorder.summary.unread["events"]
    assert len(names) == UNREAD_MAX
    assert max(map(len, names)) < 200
    print_summary(recorder.summary, tmp_path)
    shown = capsys.readouterr().out
    assert "fields of events that nobody reads" in shown
    assert "\x1b" not in shown


def test_a_worker_says_each_field_once(caplog: pytest.LogCaptureFixture) -> None:
    watcher = Watcher(load({}), [], [], Metrics(CollectorRegistry()), Pulse())
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            watcher.unread("inference.events/0", {"error (error_type?)"})
    assert len(caplog.records) == 1
