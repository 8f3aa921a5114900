"""Which times of items are believed: those on the calendar that are not too long after the item's receipt."""

from collections.abc import Sequence

import numpy as np

from operators.arrays import Ints
from operators.ingest.formats.origin import Origin
from operators.policy.policy import Policy
from operators.wire.events import TS_MS_MAX, TS_MS_MIN, Feedback, ms_of


def faults_of_times(times: Ints, origin: Origin, policy: Policy) -> dict[int, tuple[str, str]]:
    """Return by index why some items are refused for their `times` [Unix ms], as (reason, detail)."""
    faults: dict[int, tuple[str, str]] = {}
    received = origin.received_ms
    for index in np.flatnonzero((times < TS_MS_MIN) | (times > TS_MS_MAX)).tolist():
        faults[index] = "absurd_timestamp", f"ts is {times[index]} ms since 1970"
    # Only the broker's own clock cannot be set by a producer.
    ahead = np.where(origin.appended, policy.disorder_ms, policy.future_ms)
    for index in np.flatnonzero((times > received + ahead) & (times <= TS_MS_MAX)).tolist():
        faults[index] = "future_timestamp", f"ts is {times[index] - received[index]} ms after it was received"
    return faults


def without_absurd_times(items: Sequence[Feedback]) -> int:
    """Leave out request times that no calendar has, and return how many.

    (Times as numbers are checked by their type; as text a time may be of any year.)
    """
    absurd = [
        item for item in items if item.request_ts is not None and not TS_MS_MIN <= ms_of(item.request_ts) <= TS_MS_MAX
    ]
    for item in absurd:
        item.request_ts = None
    return len(absurd)
