"""How long feedback waits for the request that it is about."""

from typing import Annotated

import msgspec

from operators.policy.errors import PolicyError
from operators.policy.fields import As, Written
from operators.policy.reading import UNITS_MS, Duration, span

WAIT_MS_MAX = UNITS_MS["h"]


def _wait(written: Written) -> int:
    time: Duration = written.value
    if time.ms > WAIT_MS_MAX:
        raise PolicyError("enrich.wait", time.text, "must be at most 1h: all feedback of a partition may wait")
    return time.ms


class Enrich(msgspec.Struct, frozen=True, kw_only=True):
    """`[enrich]`: feedback without context waits for its request for at most `wait_ms` after it was received."""

    wait_ms: Annotated[int, As(Duration, _wait, lambda ms: Duration(span(ms)))] = 60_000
