"""How old labels are, from feedback as it comes to counts that are saved, merged and read again."""

import msgspec
import numpy as np
import pytest

from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.rules.labels import labels_of
from operators.window.label_ages import LAG_MAX, UNDATED, decode, encode, lags_of, width
from operators.window.merging import merge
from operators.window.packing import pack, unpack
from operators.window.partial import Partial, unwatched
from operators.window.splitting import take
from tests.dataflows.making import received
from tests.policies import refused
from tests.releasing import BASE, CANARY

AT_MS = 1_760_000_000_000
ON_QUALITY = CANARY.replace('["ok"]', '["ok", "quality"]')


def partials(rules: str, *feedback: dict[str, object]) -> list[Partial]:
    partition = Partition("log", "feedback", ("log",), parse(BASE + rules))
    known = {"request_id": "r", "kind": "judge", "model": "m", "version": "v", "slices": {"region": "eu"}}
    messages = [
        msgspec.json.encode(known | {"request_id": f"r{at}", "ts": AT_MS} | each) for at, each in enumerate(feedback)
    ]
    batch = partition.take(received(messages))
    assert not batch.rejects
    return [part for _, given in batch.inputs for _, part in given.partials]


def ages(part: Partial) -> list[tuple[int, ...]]:
    """SLI, bad, lag, age and n of the labels of the only series."""
    found = labels_of(part, parse(BASE))
    assert {name.text for name in found.names} <= {"region=eu"}
    return sorted(zip(*(column.tolist() for column in found.ages[1:]), strict=True))


def test_labels_are_counted_by_age_to_the_pane() -> None:
    (part,) = partials(
        ON_QUALITY,
        {"value": 5, "request_ts": AT_MS},
        {"value": 5, "request_ts": AT_MS - 1},
        {"value": 1, "request_ts": AT_MS - 60_000},
        {"value": 1, "request_ts": AT_MS - 60_000},
        {"value": 1, "request_ts": "2025-10-09T08:52:19.999Z"},  # A millisecond more.
        {"value": 2},
        {"value": 5, "request_ts": AT_MS + 3_000},  # A clock that is ahead.
        {"value": 5, "request_ts": AT_MS - 40 * 86_400_000},
        {"value": None, "request_ts": AT_MS},  # Neither good nor bad.
    )
    quality = 1
    assert ages(part) == [
        (quality, 0, 0, 0, 2),
        (quality, 0, 1, 1, 1),
        (quality, 0, LAG_MAX, LAG_MAX, 1),
        (quality, 1, 0, UNDATED, 1),
        (quality, 1, 6, 6, 2),
        (quality, 1, 7, 7, 1),
    ]


def test_only_what_a_canary_compares_is_counted() -> None:
    (part,) = partials(CANARY, {"value": 5, "request_ts": AT_MS - 60_000})
    assert not len(part.ages)


def test_they_merge_are_cut_and_saved_like_all_counts() -> None:
    parts = partials(ON_QUALITY, {"value": 5, "request_ts": AT_MS - 60_000}, {"value": 1})
    other = partials(ON_QUALITY, {"value": 5, "request_ts": AT_MS - 60_000}, {"value": 1, "version": "w"})
    both = merge([*parts, *other])
    assert both.rows == 2
    assert ages(take(both, 0, 1)) == [(1, 0, 6, 6, 2), (1, 1, 0, UNDATED, 1)]
    assert ages(take(both, 1, 2)) == [(1, 1, 0, UNDATED, 1)]
    assert (unpack(pack(both)).ages == both.ages).all()
    assert not len(unwatched(both).ages)
    assert not len(unpack(pack(unwatched(both))).ages)


def test_the_largest_lag_and_its_age_come_back() -> None:
    came = np.full(3, 10**13)
    lag, age = lags_of(came - np.array([LAG_MAX * 10, LAG_MAX * 10 + 1, 10**12]), came, 10)
    for bad in (0, 1):
        counts = np.column_stack((7 * width(3) + encode(2, np.full(3, bad), lag, age), np.ones(3, np.int64)))
        found = decode(counts, 3)
        assert set(zip(found.row.tolist(), found.sli.tolist(), found.bad.tolist(), strict=True)) == {(7, 2, bad)}
        assert found.lag.tolist() == lag.tolist() == [LAG_MAX, LAG_MAX, LAG_MAX]
        assert found.age.tolist() == age.tolist()


@pytest.mark.parametrize(
    ("rule", "value", "allowed"),
    [
        (ON_QUALITY + 'maturity = "15s"', "15s", "must be a multiple of time.pane (10s)"),
        (ON_QUALITY + 'maturity = "0s"', "0s", "must be a multiple of time.pane (10s)"),
        (ON_QUALITY + 'maturity = "20d"', "20d", "must be at most 100,000 panes"),
        (ON_QUALITY + 'maturity = "soon"', "soon", "must be a duration"),
        (CANARY + 'maturity = "10m"', "10m", "none of `slis` is on labels"),
    ],
)
def test_a_maturity_that_cannot_be_is_refused(rule: str, value: str, allowed: str) -> None:
    error = refused(BASE + rule, "rule.canary.maturity")
    assert error.value == value
    assert allowed in error.allowed
