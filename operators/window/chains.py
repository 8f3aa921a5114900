"""Chains: events that share their fate, of which only one counts where two versions are compared.

The events of one session or user, or the attempts of one request, fail together, and a test that takes them for
independent mistakes chance for harm. So of all events of a chain in a pane, whatever their versions and slices, one is
drawn by a hash and counts for its version, in its slice; the others count nowhere. That is fair to both versions
whether traffic is split by request or by session: the draw depends neither on the version nor on the outcome.
(Counting a chain as bad where any of its events is bad would be unfair: a version that gets more of a session's
requests would look worse.) Dashboards count every event.

The draw is among the events with the lowest `attempt`: a retry may go to another version because the first attempt
failed, so whether there is a retry depends on the first outcome. A chain with nothing but retries (from `RETRY` on: the
first attempts were in an earlier pane) counts nowhere.

Of each series and pane the `CHAINS_MAX` chains with the smallest hashes, salted by the pane, are kept: a fair sample of
whole chains, the same whatever the batches and partitions. Hashes are keyed with the secret that ids are hashed with
(`ROLLGUARD_ID_KEY`), so that nobody can choose ids by their hashes; without it 4,096 chosen ids fill a pane that has
more chains than that. (A sender could not know a salt made of what the pane holds, but neither could a batch, which
keeps its smallest hashes before the rest of the pane has come.)
Memory: 16 bytes per chain and one for each SLI, at most 80 KB per series, until its pane closes.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints, order_by, runs_of

Classes = NDArray[np.uint8]

CHAINS_MAX = 4_096  # Per series and pane: 400 a second in panes of 10 s.
COMPARED = 2  # Classes of an SLI that count: good and bad.
NOT_MEANT = 3  # The class of an event that an SLI is not about (`operators/ingest/slis/kind.py`).
ATTEMPTS_MAX = 31  # Attempts of a request that are told apart, in the highest bits of `Chains.event`.
ATTEMPT_BITS = 58
RETRY = 2  # A first attempt has no number, 0 or 1; from this on an event is surely a retry.


class Chains(msgspec.Struct, frozen=True, kw_only=True):
    """What R groups of events hold of chains.

    `inside` (R, S, 2): how many of the good and bad events belong to a chain. Of C chains `row` (C,), `chain`
    and `event` (C,), the hash of the chain and the smallest hash of its events, and `classes` (C, S) of that event.
    Rows rise, and so do hashes of chains within a row.
    """

    inside: Ints
    row: Ints
    chain: Ints
    event: Ints
    classes: Classes


def first_events(chains: Chains) -> Chains:
    """Return each chain once, in order, by its first event; and of each row the first `CHAINS_MAX` chains."""
    order = order_by(chains.row, chains.chain, chains.event)
    order = order[runs_of(chains.row[order], chains.chain[order])]
    row = chains.row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    return _some(chains, order[rank < CHAINS_MAX])


def merge_chains(parts: Sequence[Chains | None], rows: Sequence[int], row_of: Ints) -> Chains | None:
    """Add up the chains of partials; `rows` is the number of rows of each, which become `row_of` (sum of rows,)."""
    known = [part for part in parts if part is not None]
    if not known:
        return None
    inside = np.zeros((int(row_of.max(initial=-1)) + 1, *known[0].inside.shape[1:]), np.int64)
    moved, shift = [], 0
    for part, count in zip(parts, rows, strict=True):
        if part is not None:
            np.add.at(inside, row_of[shift : shift + count], part.inside)
            moved.append(row_of[part.row + shift])
        shift += count
    together = Chains(
        inside=inside,
        row=np.concatenate(moved),
        chain=np.concatenate([part.chain for part in known]),
        event=np.concatenate([part.event for part in known]),
        classes=np.concatenate([part.classes for part in known]),
    )
    return first_events(together)


def take_chains(chains: Chains | None, first: int, last: int) -> Chains | None:
    """Return the chains of rows first..last-1."""
    if chains is None:
        return None
    start, stop = np.searchsorted(chains.row, (first, last))
    some = _some(chains, slice(int(start), int(stop)))
    return msgspec.structs.replace(some, inside=chains.inside[first:last], row=some.row - first)


def units(slis: Ints, chains: Chains | None, group: Ints) -> Ints:
    """Return the good and bad events to be compared, (R, S, 2): each chain once, and every event outside of chains.

    `slis` (R, S, 3) are all events of the rows, `group` (R,) says which rows share their chains. Where a row
    had too many chains, its group is judged by the hashes that all of its rows have kept.
    """
    counted = slis[:, :, :COMPARED]
    if chains is None:
        return counted
    counted = counted - chains.inside
    which = drawn(chains, len(slis), group)
    for kind in range(COMPARED):
        np.add.at(counted[:, :, kind], chains.row[which], chains.classes[which] == kind)
    return counted


def drawn(chains: Chains, rows: int, group: Ints) -> Ints:
    """Return which chains count, of a number of `rows`: each chain once in each group."""
    size = np.bincount(chains.row, minlength=rows)
    last = np.full(rows, np.iinfo(np.int64).max)
    full = np.flatnonzero(size >= CHAINS_MAX)
    last[full] = chains.chain[np.cumsum(size)[full] - 1]
    shared = np.full(int(group.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(shared, group, last)
    of = group[chains.row]
    kept = np.flatnonzero(chains.chain <= shared[of])
    order = kept[order_by(of[kept], chains.chain[kept], chains.event[kept])]
    first = order[runs_of(of[order], chains.chain[order])]
    return first[chains.event[first] >> ATTEMPT_BITS < RETRY]


def _some(chains: Chains, which: Ints | slice) -> Chains:
    return Chains(
        inside=chains.inside,
        row=chains.row[which],
        chain=chains.chain[which],
        event=chains.event[which],
        classes=chains.classes[which],
    )
