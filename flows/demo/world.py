"""The world of the demo: what happens in its hour, and what is drawn for each request.

Everything that looks random about a request is read from a hash of its number and the seed, so it depends neither
on the order in which requests are served nor on any library's generator.
"""

import struct
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from operators.spans import MINUTE_MS


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What happens; written as demo.json. ValueError if the labels or the release would not fit into the hour.

    From `release_ms` after the start on, `candidate_share` of the requests go to v2, as long as the gateway lets them;
    from `defect_ms` on its input is wrong in one region. `labelled_share` of all requests get a label, between
    `delay_ms_min` and `delay_ms_max` later. One message in `spoiled_every` is not valid.
    """

    start_ms: int
    length_ms: int = 60 * MINUTE_MS
    requests: int = 60_000
    release_ms: int = 10 * MINUTE_MS
    defect_ms: int = 15 * MINUTE_MS
    candidate_share: float = 0.15
    labelled_share: float = 0.6
    delay_ms_min: int = 20_000
    delay_ms_max: int = 4 * MINUTE_MS
    spoiled_every: int = 10_000
    seed: int = 7

    def __post_init__(self) -> None:
        if self.start_ms % MINUTE_MS or self.length_ms % MINUTE_MS or self.length_ms <= 0:
            raise ValueError(f"start_ms and length_ms must be whole minutes, got {self.start_ms}, {self.length_ms}")
        if not 0 < self.delay_ms_min <= self.delay_ms_max < self.length_ms:
            raise ValueError(f"need 0 < delay_ms_min <= delay_ms_max < length_ms, got {self!r}")
        if not 0 <= self.release_ms < self.length_ms:
            raise ValueError(f"need 0 <= release_ms < length_ms, got {self.release_ms}")
        if not self.release_ms <= self.defect_ms < self.length_ms:
            raise ValueError(f"need release_ms <= defect_ms < length_ms, got {self.defect_ms}")

    @property
    def end_ms(self) -> int:
        return self.start_ms + self.length_ms


class Draws(NamedTuple):
    """Eight independent numbers in [0, 1) that belong to one request."""

    time: float
    page: float
    region: float
    segment: float
    version: float
    labelled: float
    delay: float
    spare: float


def draws(seed: int, number: int) -> Draws:
    """Return the numbers of a request: the same in every process and every version of Python."""
    digest = blake2b(f"{seed}:{number}".encode()).digest()
    return Draws(*(value / 2**64 for value in struct.unpack("<8Q", digest)))


def pick(shares: Mapping[str, float], draw: float) -> str:
    """Return the name whose part of [0, 1) holds the draw.

    >>> [pick({"a": 0.5, "b": 0.5}, draw) for draw in (0.0, 0.49, 0.5, 0.99)]
    ['a', 'a', 'b', 'b']
    """
    for name, share in shares.items():
        draw -= share
        if draw < 0:
            return name
    return name
