"""Which times of items are believed: none that no calendar has, and none of the future of whoever received them."""

import numpy as np

from operators.arrays import Ints
from operators.ingest.formats.native import Origin
from operators.policy.policy import Policy
from operators.wire.events import TS_MS_MAX, TS_MS_MIN


def faults_of_times(times: Ints, origin: Origin, policy: Policy) -> dict[int, tuple[str, str]]:
    """Return by index why some items are refused for their `times` [Unix ms], as (reason, detail)."""
    faults: dict[int, tuple[str, str]] = {}
    received = origin.received_ms
    for index in np.flatnonzero((times < TS_MS_MIN) | (times > TS_MS_MAX)).tolist():
        faults[index] = "absurd_timestamp", f"ts is {times[index]} ms since 1970"
    # The broker's own clock is the one that no producer sets.
    ahead = np.where(origin.appended, policy.disorder_ms, policy.future_ms)
    for index in np.flatnonzero((times > received + ahead) & (times <= TS_MS_MAX)).tolist():
        faults[index] = "future_timestamp", f"ts is {times[index] - received[index]} ms after it was received"
    return faults
