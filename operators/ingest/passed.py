"""How messages advance a partition's time: by their items; where the broker stamps them, also without any."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.ingest.leads import time_without_events
from operators.ingest.messages import Messages
from operators.ingest.progress import Recent, advance
from operators.policy.policy import Policy
from operators.window.watermark import NEVER

NOBODY = np.zeros(0, bool)


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """How time advanced, by item that may move it: the time `after` each, and whether it is `late`.

    And by message: after messages `step` it was `time`. `times` are those of the items themselves, `appended` the
    broker's, NEVER where it stamps none.
    """

    after: Ints
    step: Ints
    time: Ints
    times: Ints
    appended: Ints
    late: NDArray[np.bool_] = NOBODY


def time_passed(
    newest: int, recent: Recent, times: Ints, message_of: Ints, messages: Messages, policy: Policy
) -> tuple[Ints, Passed, Recent]:
    """Advance time from `newest` [Unix ms] by items at `times`, each of a message, and by messages without any.

    Return the time before each item and after all, (n + 1,), how it advanced, and the new state.
    """
    stamps = messages.appended_ms
    appended = None if stamps is None else stamps[message_of]
    after, kept = advance(newest, recent, times, policy, appended)
    seen = np.append(newest, after)
    clocks = np.full(len(times), NEVER) if appended is None else appended
    empty = np.zeros(0, np.int64)
    if stamps is not None and policy.outliers:
        without = stamps > NEVER
        without[message_of] = False
        empty = np.flatnonzero(without)
    if stamps is None or appended is None or not len(empty):
        return seen, Passed(after=after, step=message_of, time=after, times=times, appended=clocks), kept
    stamped, place = appended > NEVER, np.searchsorted(message_of, empty)
    leads = np.append(0, np.cumsum(stamped))[place]
    moved = time_without_events(stamps[empty], leads, (times - appended)[stamped], recent.leads, policy)
    most = np.full(len(seen), NEVER)
    np.maximum.at(most, place, moved)
    seen = np.maximum(seen, np.maximum.accumulate(most))
    after = np.maximum(after, seen[:-1])
    steps = np.concatenate((message_of, empty))
    order = np.argsort(steps, kind="stable")
    time = np.maximum.accumulate(np.concatenate((after, moved))[order])
    return seen, Passed(after=after, step=steps[order], time=time, times=times, appended=clocks), kept
