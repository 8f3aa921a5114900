"""Which requests are read for watched fields: by a hash of their id, so that rates nest and replays agree."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.monitors import Sampling
from operators.wire.events import Event, Feedback


def sampled(items: Sequence[Event] | Sequence[Feedback], sampling: Sampling) -> Ints | None:
    """Return the places of the items that are read, None for all."""
    if sampling.reads_all:
        return None
    models = [item.model or "" for item in items]
    share = {model: sampling.of(model) for model in set(models)}
    if all(rate >= 1 for rate in share.values()):
        return None
    rates = np.array([share[model] for model in models])
    return np.flatnonzero(places([item.request_id for item in items]) < rates)


def places(request_ids: Sequence[str]) -> Floats:
    """Return a number of [0, 1) for each request, evenly spread and the same in every process.

    >>> places(["r1", "r2", "r3"]).round(3).tolist()
    [0.384, 0.419, 0.22]
    """
    hashes = np.array([crc32(request_id.encode()) for request_id in request_ids], np.uint64)
    # A checksum alone is linear: ids that count up would come in strides. The finaliser of splitmix64 (G. Steele, D.
    # Lea, C. Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA) breaks that.
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray((hashes ^ (hashes >> np.uint64(31))) >> np.uint64(11), float) / 2.0**53
