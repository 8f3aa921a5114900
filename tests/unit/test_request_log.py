"""Events become rows of the request log: all of what was told, nothing that must not be kept, in any batches."""

import json
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.archive.log import LogState, RequestLog, Taken
from operators.connectors.clickhouse.arrow import to_arrow
from operators.ingest.partition import Partition
from operators.policy.errors import PolicyError
from operators.policy.policy import Policy
from operators.policy_file.teams import parse_teams
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from operators.sources.archive import SavedPosition
from tests.dataflows.making import POLICY, START_MS, received
from tests.dataflows.running import expand
from tests.unit.mutating import OVERSIZED, mutant

RULES = parse(POLICY)
KEY = Pseudonyms("0123456789abcdef")
FULL = {
    "request_id": "r1", "ts": START_MS, "model": "m", "version": "v1", "attempt": 2, "mirrored": True,
    "slices": {"region": "eu", "other": "x"}, "error_type": "timeout", "latency_ms": 12.5, "ttft_ms": 3,
    "input_tokens": 10, "output_tokens": 20, "cost_usd": 0.25, "prediction": "yes", "score": 0.75,
    "features": {"amount": 1}, "embedding": [1, 2], "metrics": {"cpu": 0.5, "warm": True}, "flags": ["toxic"],
    "prompt_version": "p1", "endpoint": "/v1", "team": "web", "session_id": "s1", "user_id": "ann", "trace_id": "t1",
    "retrieval": [{"id": "d1", "score": 0.5, "source": "kb", "version": "7"}, {"id": "d2"}],
    "tools": [{"name": "search", "ok": False, "latency_ms": 8}, {"name": "sum"}], "finish_reason": "stop",
    "input": "write to ann@example.org", "output": "done",
}  # fmt: skip


def policy(text: str) -> Policy:
    return parse(f"{POLICY}\n[archive]\n{text}\n")


def item(**fields: Any) -> bytes:
    return json.dumps({"request_id": "r", "ts": START_MS, "model": "m", "version": "v"} | fields).encode()


def log(rules: Policy = RULES, state: LogState | None = None) -> RequestLog:
    return RequestLog("events/3", rules, KEY, state)


def rows_of(*taken: Taken) -> list[dict[str, Any]]:
    return [row for each in taken for rows in each.rows for row in expand(rows)]


def take(*messages: bytes, rules: Policy = RULES) -> Taken:
    return log(rules).take(received(messages, 41))


def test_a_row_holds_all_that_was_told() -> None:
    (row,) = rows_of(take(json.dumps(FULL).encode()))
    assert row.pop("ver") > 0
    assert row == {
        "model": "m", "version": "v1", "request_id": "r1", "ts": START_MS, "attempt": 2, "mirrored": 1,
        "dims": {"region": "eu", "other": "x"}, "trace_id": "t1", "session_id": KEY.of("s1"), "user_id": KEY.of("ann"),
        "team": "web", "endpoint": "/v1", "prompt_version": "p1", "error_type": "timeout", "finish_reason": "stop",
        "latency_ms": 12.5, "ttft_ms": 3, "input_tokens": 10, "output_tokens": 20, "cost_usd": 0.25,
        "prediction": "yes", "score": 0.75, "metrics": {"cpu": 0.5, "warm": True}, "flags": ["toxic"],
        "retrieval_id": ["d1", "d2"], "retrieval_score": [0.5, None], "retrieval_source": ["kb", ""],
        "retrieval_version": ["7", ""], "tool_name": ["search", "sum"], "tool_ok": [0, None],
        "tool_latency_ms": [8, None], "input": "write to [EMAIL]", "output": "done", "input_bytes": 26,
        "output_bytes": 6, "redacted": 1, "source": "events/3", "position": 41, "item": 0,
    }  # fmt: skip


def test_what_nobody_told_is_empty_or_null() -> None:
    nulls = {name: None for name in FULL if name not in ("request_id", "ts", "model", "version")}
    for row in rows_of(take(item(), item(**nulls), json.dumps(FULL).encode()))[:2]:
        assert (row["attempt"], row["mirrored"], row["dims"], row["metrics"], row["flags"]) == (0, 0, {}, {}, [])
        assert [row[name] for name in ("latency_ms", "input_tokens", "cost_usd", "score")] == [None] * 4
        assert {row[name] for name in ("user_id", "session_id", "team", "prediction", "input", "output")} == {""}
        assert (row["retrieval_id"], row["tool_ok"], row["input_bytes"], row["redacted"]) == ([], [], 0, 0)


def test_arrays_lines_and_single_objects_say_where_they_stood() -> None:
    array = b"[" + item(request_id="a") + b"," + item(request_id="b") + b"]"
    lines = item(request_id="c") + b"\n" + item(request_id="d")
    rows = rows_of(take(array, lines, item(request_id="e")))
    assert [(row["request_id"], row["position"], row["item"]) for row in rows] == [
        ("a", 41, 0), ("b", 41, 1), ("c", 42, 0), ("d", 42, 1), ("e", 43, 0),
    ]  # fmt: skip


def test_of_copies_the_first_replaces_the_others_whatever_comes_first() -> None:
    """The larger version wins, in any order of arrival; logs that hold it at one position are told apart."""
    first, second = (row["ver"] for row in rows_of(take(item(), item())))
    assert first > second
    other = RequestLog("events/4", RULES, KEY).take(received([item()], 41))
    assert rows_of(other)[0]["ver"] not in (first, second)
    far = log().take(received([item()], 2**62))
    assert 0 < rows_of(far)[0]["ver"] < second


@pytest.mark.parametrize("count", [1, 2, 3])
def test_rows_are_the_same_in_any_batches(count: int) -> None:
    random = Random(count)
    messages = [mutant(random)[0] for _ in range(2_000)]
    whole = rows_of(log().take(received(messages)))
    assert len(whole) > 500
    split = log()
    parts = []
    at = 0
    while at < len(messages):
        size = random.randrange(1, 300)
        parts.append(split.take(received(messages[at : at + size], at + 1)))
        split = log(state=_restored(split.state))  # Saved and loaded again, as after a restart.
        at += size
    assert rows_of(*parts) == whole


def _restored(state: LogState) -> LogState:
    times = state.recent.times.tobytes()
    saved = SavedPosition(
        position=1, newest=state.newest, times=times, count=state.recent.count, dense=state.recent.dense
    )
    return msgspec.msgpack.decode(msgspec.msgpack.encode(saved), type=SavedPosition).state()


def test_what_the_monitor_refuses_is_refused_here_for_the_same_reasons() -> None:
    """Of every mutated message; and what is taken fits the table."""
    rules = parse(POLICY.replace("share_max = 1.0", f"share_max = 1.0\nmessage_bytes_max = {OVERSIZED}"))
    random = Random(20_251_121)
    monitor, archive = Partition("p", "events", ("p",), rules), RequestLog("p", rules, KEY)
    refused = 0
    for first in range(1, 20_001, 1_000):
        messages = received([mutant(random)[0] for _ in range(1_000)], first)
        batch, taken = monitor.take(messages), archive.take(messages)
        assert taken.items == batch.items
        assert taken.rejects == {
            reason: sum(each.reason == reason for each in batch.rejects)
            for reason in {each.reason for each in batch.rejects}
        }
        refused += len(batch.rejects)
        assert sum(to_arrow(rows).num_rows for rows in taken.rows) == taken.items
    assert refused > 1_000


@pytest.mark.parametrize("field", ["retrieval", "tools", "trace_id", "finish_reason", "team", "input"])
@pytest.mark.parametrize("odd", [7, [7], {"a": 1}, [{"id": "x" * 600, "name": "x" * 200}], "x" * 200])
def test_a_fault_of_an_optional_field_costs_that_field_alone(field: str, odd: object) -> None:
    taken = take(item(**{field: odd}), item(team="b"))
    assert taken.items == 2
    assert not taken.rejects
    assert set(taken.unusable) <= {field}
    assert sum(to_arrow(rows).num_rows for rows in taken.rows) == 2


def test_a_text_that_is_no_text_is_left_out_and_counted() -> None:
    """JSON has no infinity."""
    taken = take(item()[:-1] + b', "input": [1e999]}')
    assert taken.unusable == {"input": 1}
    assert rows_of(taken)[0]["input"] == ""


def test_bytes_that_are_no_utf8_cost_themselves_alone() -> None:
    whole = item(input="Grüße an ann@example.org XX", output={"a": ["XX", "b"]})
    taken = take(whole.replace(b"XX", b"\xff\xfe"))
    assert taken.unusable == {"input": 1, "output": 1}
    (row,) = rows_of(taken)
    assert (row["input"], row["output"]) == ("Grüße an [EMAIL] \ufffd\ufffd", '{"a":["\ufffd\ufffd","b"]}')
    assert row["redacted"] == 1


def test_numbers_stay_as_they_are_whatever_they_look_like() -> None:
    """A card's number is one where it is text; a prediction of so much is an amount, an index or a time."""
    card = 4111111111111111
    for texts in ("none", "redacted", "full"):
        taken = take(item(prediction=card), item(prediction=str(card)), rules=policy(f'texts = "{texts}"'))
        as_number, as_text = rows_of(taken)
        assert (as_number["prediction"], as_number["redacted"]) == (str(card), 0)
        assert as_text["prediction"] == ("[CARD]" if texts == "redacted" else str(card))
        assert as_text["redacted"] == int(texts == "redacted")


def test_of_a_text_that_was_cut_within_a_character_the_rest_is_kept() -> None:
    cut = item()[:-1] + rb', "input": "cut \ud83d", "output": {"a": "\udc00 \ud83d\ude00 \\ud83d"}, "team": "a\uDBFF"}'
    for messages in ([cut], [b"[" + cut + b"," + item() + b"]"], [item() + b"\n" + cut]):
        taken = take(*messages)
        assert not taken.rejects
        (row,) = [row for row in rows_of(taken) if row["input"]]
        assert (row["input"], row["team"]) == ("cut \ufffd", "a\ufffd")
        assert json.loads(row["output"]) == {"a": "\ufffd \U0001f600 \\ud83d"}


def test_texts_may_be_left_out() -> None:
    (row,) = rows_of(take(json.dumps(FULL | {"prediction": "x" * 129}).encode(), rules=policy('texts = "none"')))
    assert (row["input"], row["output"], row["prediction"], row["redacted"]) == ("", "", "", 0)
    assert (row["input_bytes"], row["output_bytes"]) == (26, 6)


def test_texts_may_stand() -> None:
    (row,) = rows_of(take(json.dumps(FULL).encode(), rules=policy('texts = "full"')))
    assert (row["input"], row["redacted"]) == ("write to ann@example.org", 0)


def test_texts_are_cut() -> None:
    rules = policy("text_chars_max = 20")
    (row,) = rows_of(take(item(input="x" * 12 + " ann@example.org", output="y" * 50), rules=rules))
    assert (row["input"], row["output"]) == ("x" * 12 + " [EMAIL]"[:8], "y" * 20)


def test_messages_of_a_chat_are_redacted_within_and_stay_json() -> None:
    told = [{"role": "user", "content": "I am\nann@example.org", "n": 1.5}, {"to ann@example.org": ["10.0.0.1", None]}]
    (row,) = rows_of(take(item(input=told)))
    assert json.loads(row["input"]) == [
        {"role": "user", "content": "I am\n[EMAIL]", "n": 1.5}, {"to [EMAIL]": ["[IP]", None]},
    ]  # fmt: skip
    assert row["redacted"] == 3


def test_predictions_are_texts_too() -> None:
    predictions = ["spam", 1, 1.0, True, 0.5, "ann@example.org", ["x"], None]
    rows = rows_of(take(*(item(prediction=each) for each in predictions)))
    assert [row["prediction"] for row in rows] == ["spam", "1", "1", "true", "0.5", "[EMAIL]", "", ""]
    assert [row["redacted"] for row in rows] == [0, 0, 0, 0, 0, 1, 0, 0]


def test_what_the_policy_calls_a_shadow_answers_copies() -> None:
    rules = parse(POLICY + '\n[release]\nmirrored = ["shadow-*"]\n')
    rows = rows_of(take(item(version="shadow-7"), item(), item(mirrored=True), item(mirrored=False), rules=rules))
    assert [row["mirrored"] for row in rows] == [1, 0, 1, 0]


def test_of_several_files_that_of_the_model_says_what_answers_copies() -> None:
    """It was said by all files of all models, so feedback on answers to users was counted as on copies."""
    own = 'models = ["m"]\n' + POLICY
    rules = parse_teams({"a": own, "b": 'models = ["other"]\n[release]\nmirrored = ["v*"]\n'})
    rows = rows_of(take(item(model="m"), item(model="other"), item(model="nobodys"), rules=rules))
    assert [row["mirrored"] for row in rows] == [0, 1, 0]


def test_no_id_of_a_user_is_in_any_row() -> None:
    taken = take(*(item(user_id=f"user-{n % 3}", session_id=f"session-{n}") for n in range(9)))
    assert b"user-" not in b"".join(msgspec.json.encode(row) for row in rows_of(taken))
    assert len({row["user_id"] for row in rows_of(taken)}) == 3


def test_ids_may_stand_if_the_policy_says_so() -> None:
    rules = policy('ids = "full"')
    (row,) = rows_of(RequestLog("p", rules, Pseudonyms()).take(received([item(user_id="ann")])))
    assert row["user_id"] == "ann"


def test_without_a_key_nothing_is_taken() -> None:
    with pytest.raises(ValueError, match="no key"):
        RequestLog("p", RULES, Pseudonyms())


def test_days_far_behind_are_refused() -> None:
    """Each day is a partition of the table: a clock that tells any would make thousands."""
    taken = log(parse(POLICY.replace("[time]", "[time]\noutliers = 0"))).take(
        received([item(), *(item(ts=START_MS - day * 86_400_000) for day in range(1, 100))])
    )
    assert (taken.items, taken.rejects) == (1, {"too_late": 99})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('texts = "some"', "archive.texts = 'some': must be one of none, redacted, full"),
        ('ids = "no"', "archive.ids = 'no': must be one of hashed, full"),
        ("text_chars_max = 0", "archive.text_chars_max = 0"),
        ("days = 3", "archive.days = 3: is not a key of the policy"),
    ],
)
def test_a_wrong_policy_is_named(text: str, message: str) -> None:
    with pytest.raises(PolicyError) as error:
        policy(text)
    assert str(error.value).startswith(message)


def test_what_is_saved_stays_what_it_was() -> None:
    state = LogState(
        newest=5, recent=msgspec.structs.replace(LogState().recent, times=np.arange(3), count=3, dense=True)
    )
    found = _restored(state)
    assert (found.newest, found.recent.times.tolist(), found.recent.count, found.recent.dense) == (
        5,
        [0, 1, 2],
        3,
        True,
    )
