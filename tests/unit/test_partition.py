"""One partition: how a broken producer is stopped, and which numbers of a failed request count."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.ingest.partition import Partition
from operators.ingest.placing import AHEAD_MAX
from operators.ingest.refused_share import TooManyRejects
from operators.policy.worker import SHARDS
from operators.policy_file.toml import parse
from operators.window.partial import MAX, N
from operators.window.shards import shard_of
from tests.dataflows.making import POLICY, START_MS, received


def partition(share_max: float = 0.2, block: int = 100) -> Partition:
    text = POLICY.replace("share_max = 1.0", f'share_max = {share_max}\nblock = {block}\non_refused = "stop"')
    return Partition("file", "events", ("file",), parse(text))


def good(**fields: Any) -> bytes:
    return json.dumps({"request_id": "r", "ts": START_MS, "model": "m", "version": "v"} | fields).encode()


def test_a_share_of_rejects_up_to_the_limit_is_borne() -> None:
    one = partition()
    for first in range(0, 1_000, 100):
        batch = one.take(received([good()] * 80 + [b"x"] * 20, first))
        assert (batch.items, len(batch.rejects)) == (80, 20)


def test_a_larger_share_stops_a_run_that_is_to_stop_and_says_why() -> None:
    with pytest.raises(TooManyRejects) as caught:
        partition().take(received([good()] * 79 + [b"x"] * 21, 1))
    assert str(caught.value).startswith(
        "file: 21 of 100 messages were refused, allowed is a share of 0.2 (dead_letters.share_max); "
        "the last one, at 100: bad_json"
    )


def test_a_share_is_judged_over_whole_blocks_only() -> None:
    """Nine bad ones at the start are no broken producer yet; the block that they begin is judged when it is full."""
    one = partition()
    assert len(one.take(received([b"x"] * 9, 1)).rejects) == 9
    one.take(received([good()] * 91, 10))
    one.take(received([b"x"] * 20, 101))
    with pytest.raises(TooManyRejects):
        one.take(received([b"x"] + [good()] * 79, 121))


def test_a_share_of_one_never_stops_anything() -> None:
    assert len(partition(share_max=1.0).take(received([b"x"] * 5_000, 1)).rejects) == 5_000


@pytest.mark.parametrize("field", ["embedding", "input", "output"])
@pytest.mark.parametrize("value", [None, "text", [0.5, -1], {"a": [{}]}, 3, True])
def test_what_is_not_read_may_be_any_json(field: str, value: object) -> None:
    """Every event with an embedding, an input or an output was once refused."""
    assert partition().take(received([good(**{field: value})], 1)).items == 1


def test_brackets_nested_past_any_stack_are_a_dead_letter() -> None:
    """RecursionError is no error of decoding, and once ended the worker."""
    deep = b"[" * 100_000
    messages = [deep, good()[:-1] + b', "embedding": ' + deep + b"}", good()[:-1] + b', "x": ' + deep + b"}", good()]
    batch = partition(share_max=1.0).take(received(messages, 1))
    assert batch.items == 1
    assert [reject.position for reject in batch.rejects] == [1, 2, 3]


@pytest.mark.parametrize(
    ("field", "value"),
    [("latency_ms", 1e300), ("latency_ms", -1), ("cost_usd", 1e10), ("input_tokens", 10**13), ("score", -1e13)],
)
def test_a_number_that_no_sum_can_hold_costs_that_number_alone(field: str, value: float) -> None:
    """1e300 once became the smallest whole number there is, then refused its event."""
    batch = partition().take(received([good(**{field: value}), good(metrics={"gpu-util": 1e13})], 1))
    assert batch.items == 2
    assert not batch.rejects
    assert batch.unusable == {field: 1, "metrics": 1}
    (partial,) = [partial for _, given in batch.inputs for _, partial in given.partials]
    assert not partial.sums.any()


def test_a_failed_request_without_a_latency_has_none() -> None:
    """A refused request with latency 0 would make the median 0; a failed one that took its time counts."""
    messages = [
        good(latency_ms=0, error_type="rate_limited"),
        good(latency_ms=0),
        good(latency_ms=7, error_type="timeout"),
    ]
    batch = partition().take(received(messages, 1))
    (partial,) = [partial for _, given in batch.inputs for _, partial in given.partials]
    assert partial.events.tolist() == [3]
    assert partial.sums[0, 0, N] == 2
    assert partial.extremes[0, 0, MAX] == 7


@pytest.mark.parametrize("request_ts", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", 0, 1_760_000_000])
def test_an_absurd_request_time_is_left_out_in_either_type(request_ts: int | str) -> None:
    one = Partition("file", "feedback", ("file",), partition().policy)
    messages = [good(kind="judge", request_ts=request_ts), good(kind="judge", request_ts=START_MS)]
    batch = one.take(received(messages))
    assert not batch.rejects
    assert [each.request_ts for each in batch.feedback] == [None, START_MS]
    assert batch.unusable == {"request_ts": 1}


def test_a_model_has_its_shard_for_ever() -> None:
    """Changing this moves the state of every model to a shard that does not have it."""
    assert [shard_of(name, 64) for name in ("model-0", "model-13", "checkout", "")] == [49, 49, 16, 52]
    assert {shard_of(f"m{index}", SHARDS) for index in range(2_000)} == set(range(SHARDS))


def test_the_broker_s_clock_bounds_times_closer_than_a_producer_s() -> None:
    """Nothing is ahead of it by more than `disorder`; where a producer may set the clock the tolerance counts."""
    one = partition()
    times = [START_MS + ahead for ahead in (5_000, 5_001, 60_000, 60_001)]
    messages = received([good(ts=ts) for ts in times], 1, received_ms=START_MS)
    assert [each.position for each in one.take(messages).rejects] == [4]
    appended = msgspec.structs.replace(messages, appended=np.array([True] * 4))
    rejects = one.take(appended).rejects
    assert [(each.position, each.reason) for each in rejects] == [(at, "future_timestamp") for at in (2, 3, 4)]
    mixed = msgspec.structs.replace(messages, appended=np.array([True, False, False, True]))
    assert [each.position for each in one.take(mixed).rejects] == [4]


def test_events_far_ahead_open_no_more_panes_than_there_is_room_for() -> None:
    """In files times may be anything: each pane that waits for its time takes memory."""
    one = partition()
    times = [START_MS + index * 100 for index in range(8_000)]
    times[19::20] = [START_MS + 3_600_000 + index * 10_000 for index in range(400)]
    whole = one.take(received([good(ts=ts) for ts in times], 1))
    assert [each.position for each in whole.rejects] == list(range(20 * (AHEAD_MAX + 1), 8_001, 20))
    assert {each.reason for each in whole.rejects} == {"future_timestamp"}
    assert whole.late == 0
