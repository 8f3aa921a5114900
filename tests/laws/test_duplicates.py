"""What comes again within the horizon is dropped: exactly, in any batches, and after the log was read again."""

import json
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.ingest.duplicates import SLOTS_MIN, Anchor, Duplicates, id_hashes, ids_of, request_hashes
from operators.ingest.partition import Batch, Partition
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.window.watermark import NEVER
from tests.dataflows.making import POLICY, START_MS, received
from tests.fast_kernels import both_ways

__all__ = ["both_ways"]

Items = Sequence[tuple[int, int]]  # Id and time.
items = st.lists(st.tuples(st.integers(1, 12), st.integers(-5, 5)), max_size=60).map(
    lambda pairs: [(id_, 3 * at + jitter * (100 if jitter == 5 else 1)) for at, (id_, jitter) in enumerate(pairs)]
)
horizons, ids = st.integers(1, 40), st.integers(1, 20)


def clocks(times: Sequence[int], outliers: int) -> list[int]:
    """The log's time with each item; of the first ones, that with the one which few cannot move any more."""
    few = outliers + 1
    ranks = [sorted(times[max(0, end - 10 * few) : end])[-few] for end in range(few, len(times) + 1)]
    return [*ranks[:1] * outliers, *accumulate(ranks, max)] if ranks else [0] * len(times)


def wanted(known: Items, horizon: int, ids_max: int, outliers: int = 0) -> list[bool]:
    """The definition, item by item."""
    last: dict[int, tuple[int, int, int]] = {}
    out = []
    of_log = clocks([time for _, time in known], outliers)
    for number, ((id_, own), clock) in enumerate(zip(known, of_log, strict=True)):
        came, then, time = last.get(id_, (-ids_max - 1, 0, 0))
        out.append(number - came <= ids_max and max(clock - then, abs(own - time)) <= horizon)
        last[id_] = number, clock, own
    return out


def told(duplicates: Duplicates, known: Items, sizes: Sequence[int]) -> list[bool]:
    out: list[bool] = []
    at = 0
    while at < len(known):
        some = known[at : at + sizes[at % len(sizes)]]
        duplicates.begin(at)
        ids = np.array([id_ << 58 | id_ for id_, _ in some], np.int64)
        out += duplicates.again(ids, np.array([time for _, time in some], np.int64)).tolist()
        at += len(some)
    return out


@given(items, horizons, ids, st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 3))
def test_an_item_is_a_duplicate_if_its_id_came_within_the_horizon(
    known: Items, horizon: int, ids_max: int, sizes: list[int], outliers: int
) -> None:
    assert told(Duplicates(horizon, ids_max, outliers), known, sizes) == wanted(known, horizon, ids_max, outliers)


@given(items, horizons, ids, st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 3), st.data())
def test_what_is_read_again_from_the_anchor_on_is_all_that_must_be_known(
    known: Items, horizon: int, ids_max: int, sizes: list[int], outliers: int, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(known)))
    before = Duplicates(horizon, ids_max, outliers)
    told(before, known[:cut], sizes)
    anchor = before.anchor or Anchor(cut, NEVER)
    after = Duplicates(horizon, ids_max, outliers, anchor)
    told(after, known[anchor.position : cut], [3])
    assert told(after, known[cut:], sizes) == wanted(known, horizon, ids_max, outliers)[cut:]


def test_an_anchor_of_an_older_store_has_nothing_of_what_its_time_was_read_from() -> None:
    known = [(number % 7 + 1, number) for number in range(100)]
    after = Duplicates(50, 1_000, 2, Anchor(40, 39))
    assert told(after, known[40:], [9]) == [False] * 7 + [True] * 53


def test_many_ids_are_told_apart_in_bounded_memory() -> None:
    rng = np.random.default_rng(5)
    count, ids_max = 120_000, 20_000
    ids = id_hashes([f"r{number}" for number in range(count)])
    assert len(np.unique(ids)) == count
    again = rng.random(count) < 0.3
    source = np.arange(count) - rng.integers(1, 2 * ids_max, count)
    again &= source >= 0
    ids[again] = ids[source[again]]
    known = list(zip(ids.tolist(), range(count), strict=True))
    duplicates = Duplicates(10**9, ids_max)
    out = [
        duplicates.again(ids[at : at + 7_000], np.arange(at, min(at + 7_000, count))) for at in range(0, count, 7_000)
    ]
    assert np.concatenate(out).tolist() == wanted(known, 10**9, ids_max)
    assert sum(wanted(known, 10**9, ids_max)) > 10_000
    assert duplicates._new.slots <= 16 * ids_max
    assert len(duplicates._times._times) <= 8 * ids_max
    assert ids_max > SLOTS_MIN


def policy(horizon: str = "10m", more: str = "") -> Policy:
    return parse(POLICY.replace('horizon = "0s"', f'horizon = "{horizon}"\n{more}'))


def event(number: int, ts: int = 0, **fields: Any) -> bytes:
    body = {"request_id": f"r{number}", "ts": START_MS + ts, "model": "m", "version": "v"} | fields
    return json.dumps(body).encode()


def take(*messages: bytes, stream: Any = "events", rules: Policy | None = None) -> Batch:
    return Partition("p", stream, ("p",), rules or policy()).take(received(messages))


@pytest.mark.parametrize("strays", [1, 10])
@pytest.mark.parametrize("first", [0, 2_000, 2_999])
def test_a_few_wrong_clocks_make_nobody_forget(strays: int, first: int) -> None:
    """Before, one event from tomorrow made whatever was sent before it count again."""
    log = [event(number, 100 * number) for number in range(3_000)]
    wrong = [event(10_000 + number, 9 * 3_600_000 + number) for number in range(strays)]
    batch = take(*log[:first], *wrong, *log[first:], *log[-500:])
    assert (batch.items, batch.duplicates) == (3_000 + strays, 500)


def test_another_attempt_model_or_version_is_another_event() -> None:
    others: list[dict[str, Any]] = [
        {}, {"attempt": 1}, {"attempt": 2}, {"model": "m2"}, {"version": "v2"}, {"model": "v", "version": "m"},
    ]  # fmt: skip
    messages = [event(1, **other) for other in others]
    batch = take(*messages, *messages)
    assert (batch.items, batch.duplicates, batch.rejects) == (len(others), len(others), [])


def test_of_feedback_kind_name_and_source_tell_too() -> None:
    others: list[dict[str, Any]] = [{}, {"kind": "thumbs"}, {"name": "helpful"}, {"source": "j2"}, {"name": "j2"}]
    judged: dict[str, Any] = {"kind": "judge", "value": 1}
    messages = [event(1, **(judged | other)) for other in others]
    batch = take(*messages, *reversed(messages), stream="feedback")
    assert (batch.items, batch.duplicates, len(batch.feedback)) == (5, 5, 5)


def test_a_duplicate_moves_no_time_and_is_never_late() -> None:
    one = Partition("p", "events", ("p",), policy())
    one.take(received([event(1), event(2, 60_000)]))
    newest = one.state.newest
    batch = one.take(received([event(1), event(2, 500_000), event(2, 60_000)], 3))
    assert (batch.items, batch.duplicates, batch.late, batch.rejects) == (0, 3, 0, [])
    assert one.state.newest == newest


def test_what_was_refused_is_no_first_one() -> None:
    """A producer that mends its clock, or adds what was missing, is heard."""
    assert take(event(1, 10**12), event(1)).items == 1
    assert take(event(1, version=None), event(1)).items == 1
    judged = event(1, kind="judge", value=1)
    assert take(event(1, kind="judge", model=None), judged, judged, stream="feedback").items == 1


def test_the_horizon_is_of_the_log() -> None:
    assert take(event(1), event(2, 600_000), event(1)).duplicates == 1
    assert take(event(1), event(2, 600_001), event(1, 600_001)).duplicates == 0
    assert take(event(1), event(1), rules=policy("0s")).items == 2
    few = policy("10m", "ids_max = 2")
    assert [take(event(1), *map(event, range(2, end)), event(1), rules=few).duplicates for end in (3, 4)] == [1, 0]


def test_ids_differ_where_any_part_of_them_does() -> None:
    partition = Partition("p", "events", ("p",), policy())
    events = partition._decoder.decode(received([event(at, model=f"m{at % 7}") for at in range(20_000)])).items
    named = [(np.arange(20_000) % 7, [f"m{at}" for at in range(7)]), (np.zeros(20_000, np.int64), ["v"])]
    ids = ids_of(request_hashes([each.request_id for each in events], [each.attempt for each in events]), named)
    assert len(np.unique(ids)) == 20_000
    ones = np.array([bin(number & (2**64 - 1)).count("1") for number in ids.tolist()])
    assert abs(ones.mean() - 32) < 0.2, "all bits are used"
    assert np.bincount(ids.view(np.uint64) >> np.uint64(56), minlength=256).min() > 30, "the high ones too"


@pytest.mark.parametrize(
    ("table", "key"),
    [('horizon = "25h"', "dedup.horizon"), ("ids_max = 0", "dedup.ids_max"), ("ids_max = 20000000", "dedup.ids_max")],
)
def test_a_horizon_has_limits(table: str, key: str) -> None:
    with pytest.raises(ValueError, match=key):
        parse(POLICY.replace('horizon = "0s"', table))
