"""A reporter fills in what it can see, hands on in batches, and is never in the way of the request."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from gateway.outlets import FileOutlet, Stream
from gateway.report import Fields
from gateway.reporter import BATCH_MAX, Reporter
from operators.wire.events import Event, Feedback, Request


class Kept:
    """An outlet that keeps what it gets; while `shut` it takes nothing."""

    def __init__(self, shut: bool = False) -> None:
        self.batches: list[tuple[Stream, list[dict[str, Any]]]] = []
        self.asked, self.open = threading.Event(), threading.Event()
        if not shut:
            self.open.set()
        self.fails = False
        self.found_lost = 0

    def write(self, stream: Stream, items: Sequence[bytes]) -> None:
        self.asked.set()
        self.open.wait(60)
        if self.fails:
            raise ConnectionError("no broker")
        self.batches.append((stream, [json.loads(item) for item in items]))

    def poll(self) -> int:
        lost, self.found_lost = self.found_lost, 0
        return lost

    def close(self, timeout_s: float) -> int:
        return 0

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for _, items in self.batches for item in items]


def told(work: Any, outlet: Kept | None = None, **options: Any) -> list[dict[str, Any]]:
    """What is written of what is done with a reporter."""
    kept = outlet or Kept()
    with Reporter(kept, **options) as reporter:
        work(reporter)
    return kept.items


def test_a_request_becomes_an_event() -> None:
    def work(reporter: Reporter) -> None:
        with reporter.request("m", "v2", "r-1", user_id="u", slices={"region": "eu"}) as report:
            report.first_token()
            report.first_token()
            report.tokens(input=12)
            report.tokens(output=3)
            report.fields["prediction"] = "spam"

    (found,) = told(work)
    event = msgspec.convert(found, Event)
    assert (event.request_id, event.model, event.version, event.user_id) == ("r-1", "m", "v2", "u")
    assert (event.slices, event.input_tokens, event.output_tokens, event.prediction) == (
        {"region": "eu"},
        12,
        3,
        "spam",
    )
    assert event.latency_ms is not None
    assert event.ttft_ms is not None
    assert 0 <= event.ttft_ms <= event.latency_ms < 60_000
    assert abs(found["ts"] - time.time() * 1_000) < 60_000
    assert event.error_type is None


@pytest.mark.parametrize(
    ("error", "name"),
    [(TimeoutError("slow"), "TimeoutError"), (GeneratorExit(), "client_cancelled"), (KeyError("x"), "KeyError")],
)
def test_what_is_raised_is_the_error_and_goes_on(error: BaseException, name: str) -> None:
    kept = Kept()
    with Reporter(kept) as reporter, pytest.raises(type(error)), reporter.request("m", "v"):
        raise error
    assert [item["error_type"] for item in kept.items] == [name]


def test_an_error_that_is_told_is_the_one_that_counts() -> None:
    def work(reporter: Reporter) -> None:
        for kind in ("rate_limited" * 20, None):
            report = reporter.request("m", "v")
            report.error(kind)
            report.end()
            report.end()

    found = told(work)
    assert [msgspec.convert(item, Event).error_type for item in found] == [("rate_limited" * 20)[:128], None]


def test_a_request_without_an_id_gets_one_that_feedback_names() -> None:
    def work(reporter: Reporter) -> None:
        with reporter.request("m", "v") as report:
            pass
        reporter.feedback(report.request_id, "thumbs", 0, source="button")

    event, feedback = told(work)
    assert msgspec.convert(feedback, Feedback).request_id == event["request_id"]
    assert len(event["request_id"]) == 32


def test_items_go_out_a_hundred_at_a_time() -> None:
    kept = Kept(shut=True)
    with Reporter(kept) as reporter:
        for _ in range(450):
            reporter.request("m", "v").end()
        kept.open.set()
    sizes = [len(items) for _, items in kept.batches]
    assert sum(sizes) == 450
    assert sizes.count(BATCH_MAX) >= 4
    assert reporter.counts == {"sent": 450, "dropped": 0, "lost": 0}


def test_an_outlet_that_hangs_holds_up_nobody() -> None:
    kept = Kept(shut=True)
    reporter = Reporter(kept, queue_max=50, linger_s=0.0)
    reporter.request("m", "v").end()
    assert kept.asked.wait(60)  # What it has not taken by now stays in the queue.
    began = time.monotonic()
    for _ in range(1_000):
        with reporter.request("m", "v"):
            pass
    assert time.monotonic() - began < 60.0, "a call must not wait"
    assert reporter.counts["dropped"] == 1_000 - 50
    reporter.close(timeout_s=0.05)
    kept.open.set()
    assert reporter.counts["lost"] == 50
    reporter.request("m", "v").end()  # Dropped, not refused.


def test_an_outlet_that_fails_costs_items_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    kept = Kept()
    kept.fails = True
    with Reporter(kept) as reporter:
        with reporter.request("m", "v"):
            pass
        while reporter.counts["lost"] < 1:
            time.sleep(0.001)
        kept.fails, kept.found_lost = False, 5
        with reporter.request("m", "v"):
            pass
    assert reporter.counts == {"sent": 1, "dropped": 0, "lost": 6}
    assert sum("no broker" in record.message for record in caplog.records) == 1, "one line a minute"


def test_what_is_no_json_costs_its_item_alone() -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("odd")

    kept = Kept()
    with Reporter(kept) as reporter:
        reporter.request("m", "v", metrics={"x": Odd()}).end()  # type: ignore[dict-item]
        reporter.request("m", "v", prediction=Path("as/text")).end()
    assert [item["prediction"] for item in kept.items] == ["as/text"]
    assert reporter.counts["dropped"] == 1


def test_numbers_of_models_are_numbers() -> None:
    def work(reporter: Reporter) -> None:
        fields: Any = {
            "mirrored": np.bool_(True),
            "score": np.float32(0.5),
            "cost_usd": Decimal("0.25"),
            "embedding": np.zeros(2),
        }
        reporter.request("m", "v", metrics={"ratio": Decimal("NaN")}).end()  # type: ignore[dict-item]
        reporter.request("m", "v", features={"age": np.int64(41)}, **fields).end()

    odd, event = told(work)
    assert odd["metrics"] == {"ratio": "NaN"}
    assert (event["score"], event["cost_usd"], event["embedding"]) == (0.5, 0.25, [0.0, 0.0])
    assert (event["features"], event["mirrored"]) == ({"age": 41}, True)


def test_no_text_of_a_user_keeps_a_request_from_being_reported() -> None:
    kept = Kept()
    with Reporter(kept) as reporter:
        for odd in ("\ud83d", ["\udc00 \U0001f600"], {"\ud800": ("x", 1)}):
            reporter.request("m", "v", input=odd, user_id="u\ud800").end()
    assert [item["input"] for item in kept.items] == ["\ufffd", ["\ufffd \U0001f600"], {"\ufffd": ["x", 1]}]
    assert {item["user_id"] for item in kept.items} == {"u\ufffd"}
    assert reporter.counts == {"sent": 3, "dropped": 0, "lost": 0}


def test_files_are_those_that_replay_reads(tmp_path: Path) -> None:
    with Reporter(FileOutlet(tmp_path / "out")) as reporter:
        reporter.request("m", "v", "r").end()
        reporter.feedback("r", "thumbs", 1)
    event = msgspec.json.decode((tmp_path / "out" / "events.ndjson").read_bytes(), type=Event)
    feedback = msgspec.json.decode((tmp_path / "out" / "feedback.ndjson").read_bytes(), type=Feedback)
    assert event.request_id == feedback.request_id == "r"


def test_many_threads_report_at_once() -> None:
    def work(reporter: Reporter) -> None:
        def serve() -> None:
            for _ in range(200):
                reporter.request("m", "v").end()

        threads = [threading.Thread(target=serve) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    found = told(work)
    assert len({item["request_id"] for item in found}) == 1_600


def test_each_field_of_a_report_is_one_of_an_event() -> None:
    assert Fields.__annotations__.keys() == set(Request.__struct_fields__) - {
        "request_id", "ts", "model", "version", "kind",
    }  # fmt: skip  # What has a kind is feedback.


FORKS = """
import os, sys
from pathlib import Path
from gateway.outlets import FileOutlet
from gateway.reporter import Reporter
reporter = Reporter(FileOutlet(Path(sys.argv[1])))
reporter._lock.acquire()  # As a thread may hold it just then.
child = os.fork()
if child == 0:
    with reporter.request("m", "v1"):
        pass
    reporter.close()
    os._exit(0 if reporter.counts == {"sent": 0, "dropped": 1, "lost": 0} else 1)
reporter._lock.release()
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
with reporter.request("m", "v1"):
    pass
reporter.close()
sys.exit(code or (reporter.counts["sent"] != 1))
"""


def test_the_copy_in_a_process_that_was_forked_drops_and_says_so(tmp_path: Path) -> None:
    """Its thread is not there: it neither waits for somebody else's lock nor fills its queue in silence."""
    words = [sys.executable, "-c", FORKS, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "made before a fork" in done.stderr
