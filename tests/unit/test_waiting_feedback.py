"""Feedback waits for its request, in order, for as long as it may and no longer, however much of it nobody knows."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.enrich.waiting import Complete, Settled, WaitingFeedback
from operators.ingest.answers import Answer
from operators.ingest.messages import Messages
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY

TS = 1_763_700_000_000
RULES = parse(POLICY)  # A wait of 60 s.


def line(name: str, **fields: Any) -> bytes:
    return json.dumps({"request_id": name, "ts": TS, "kind": "thumbs", "value": 1} | fields).encode()


def received(values: Sequence[bytes], at_ms: int = TS, first: int = 0) -> Messages:
    return Messages(
        values=values, positions=range(first, first + len(values)), received_ms=np.full(len(values), at_ms, np.int64)
    )


def answers(names: Iterable[str]) -> dict[str, list[Answer]]:
    return {name: [Answer(name, "m", "v", TS - 5, 0, 0, {}, "", None, "", "", 1)] for name in names}


def names(settled: Settled) -> list[str]:
    return [json.loads(each.value)["request_id"] for each in settled.complete]


def reasons(settled: Settled) -> list[tuple[int, int, str]]:
    return [(reject.position, reject.item, reject.reason) for reject in settled.rejects]


def waiting(*values: bytes, now_ms: int = TS) -> WaitingFeedback:
    made = WaitingFeedback(RULES)
    made.take(received(values), now_ms)
    return made


def test_order_is_kept_though_the_first_is_found_last() -> None:
    feedback = waiting(line("a"), line("b"), line("c", model="m", version="v"))
    assert feedback.due(TS, 10) == ["a", "b"]
    feedback.learned(["a", "b"], answers(["b"]), TS)
    assert names(feedback.settled()) == []
    assert feedback.position == 0
    assert feedback.due(TS + 100, 10) == []
    assert feedback.due(TS + 500, 10) == ["a"]
    feedback.learned(["a"], answers(["a"]), TS + 500)
    assert names(feedback.settled()) == ["a", "b", "c"]
    assert feedback.position is None


def test_what_has_context_waits_for_nothing_and_stays_as_it_is() -> None:
    text = b'{ "kind":"thumbs","request_id":"a", "ts":%d,"model":"m","version":"v","value":1}' % TS
    feedback = waiting(text)
    assert feedback.due(TS, 10) == []
    assert feedback.settled().complete == [Complete(0, 0, text)]


def test_it_waits_for_a_minute_after_its_message_came_and_is_asked_for_once_more_then() -> None:
    feedback = waiting(line("a"), line("b", model="m", version="v"))
    asked = [TS]
    feedback.learned(["a"], {}, TS)
    for now in range(TS, TS + 70_000, 50):
        if ids := feedback.due(now, 10):
            asked.append(now)
            feedback.learned(ids, {}, now)
    settled = feedback.settled()
    assert reasons(settled) == [(0, 0, "no_request")]
    assert settled.rejects[0].value == line("a")
    assert names(settled) == ["b"]
    assert asked[-1] == TS + 60_000
    assert 5 < len(asked) < 20  # Ever more seldom: an id that nobody knows costs little.


def test_what_was_read_late_is_asked_for_once() -> None:
    feedback = waiting(line("a"), line("b"), now_ms=TS + 3_600_000)
    feedback.learned(feedback.due(TS + 3_600_000, 10), answers(["b"]), TS + 3_600_000)
    settled = feedback.settled()
    assert reasons(settled) == [(0, 0, "no_request")]
    assert names(settled) == ["b"]


def test_a_clock_that_is_ahead_makes_nobody_wait_longer() -> None:
    feedback = WaitingFeedback(RULES)
    feedback.take(received([line("a")], at_ms=TS + 86_400_000), TS)
    feedback.learned(["a"], {}, TS + 60_000)
    assert reasons(feedback.settled()) == [(0, 0, "no_request")]


def test_a_flood_of_unknown_ids_delays_nobody_by_more_than_the_wait() -> None:
    """A hundred a second for five minutes, and one a second that is known: looked up at 400 ids in a round of 0.5 s."""
    feedback = WaitingFeedback(RULES)
    delays: list[int] = []
    position = 0
    for now in range(TS, TS + 400_000, 500):
        if now < TS + 300_000:
            values = [line(f"x{position + number}") for number in range(50)] + [line(f"known-{now}", value=now - TS)]
            feedback.take(received(values, now, position), now)
            position += len(values)
        ids = feedback.due(now, 400)
        feedback.learned(ids, answers(name for name in ids if name.startswith("known")), now)
        settled = feedback.settled()
        delays += [now - TS - json.loads(each.value)["value"] for each in settled.complete]
    assert len(delays) == 600
    assert max(delays) <= RULES.enrich.wait_ms + 500
    assert len(feedback) == 0


def test_items_of_one_message_are_told_apart() -> None:
    array = b"[" + b",".join([line("a"), b'{"request_id": 7}', line("b"), line("c", ts=TS + 86_400_000)]) + b"]"
    feedback = waiting(array, b"no json")
    feedback.learned(["a", "b"], answers(["a", "b"]), TS)
    settled = feedback.settled()
    assert [(each.position, each.item) for each in settled.complete] == [(0, 0), (0, 2)]
    assert sorted(reasons(settled)) == [(0, 1, "wrong_type"), (0, 3, "future_timestamp"), (1, 0, "bad_json")]


def test_several_models_are_told_of() -> None:
    feedback = waiting(line("a"))
    both = answers(["a"])["a"]
    feedback.learned(["a"], {"a": [*both, msgspec.structs.replace(both[0], model="n")]}, TS)
    assert reasons(feedback.settled()) == [(0, 0, "ambiguous_request")]


def test_what_would_be_too_large_for_a_message_is_refused() -> None:
    feedback = waiting(line("a", value="x" * 899_950))
    feedback.learned(["a"], answers(["a"]), TS)
    assert reasons(feedback.settled()) == [(0, 0, "too_large")]


def test_the_same_comes_out_in_any_batches() -> None:
    values = [line(f"r{number}") for number in range(100)]
    known = answers(f"r{number}" for number in range(0, 100, 3))

    def run(size: int) -> tuple[list[str], list[tuple[int, int, str]]]:
        feedback = WaitingFeedback(RULES)
        found: list[str] = []
        refused: list[tuple[int, int, str]] = []
        for start in range(0, 100, size):
            feedback.take(received(values[start : start + size], first=start), TS + 90_000)
            feedback.learned(feedback.due(TS + 90_000, 7), known, TS + 90_000)
            settled = feedback.settled()
            found, refused = found + names(settled), refused + reasons(settled)
        while len(feedback):
            feedback.learned(feedback.due(TS + 90_000, 7), known, TS + 90_000)
            settled = feedback.settled()
            found, refused = found + names(settled), refused + reasons(settled)
        return found, sorted(refused)

    assert run(1) == run(9) == run(100)


@pytest.mark.parametrize("wait", ["61m", "-1s", "60"])
def test_a_wrong_wait_is_named(wait: str) -> None:
    with pytest.raises(PolicyError, match=r"^enrich\.wait"):
        parse(POLICY + f'\n[enrich]\nwait = "{wait}"\n')
