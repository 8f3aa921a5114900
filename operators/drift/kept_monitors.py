"""What monitors keep when the policy changes: an unchanged monitor continues with all that it found and learned.

Sums of a running window belong to fields, whoever watches them: those of fields that were watched before stay, and new
fields are added from the next pane on. A changed monitor begins anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from operators.drift.last_week import LastWeek
from operators.drift.window_sums import Sums
from operators.policy.layout import identity_of, meaning_of
from operators.policy.monitors import Monitor, SeriesMonitor, WatchedColumn
from operators.policy.policy import Policy
from operators.profiles.local_time import UTC
from operators.saved.packed import pack_fields, unpack_fields
from operators.window.watched_columns import NEW, moved_columns, moves

SLI = "sli."


def identities(policy: Policy) -> dict[str, bytes]:
    """Return the identity of each monitor by name, from the names and meanings of what it watches."""
    return {monitor.name: _identity(monitor, policy) for monitor in policy.monitors}


def _identity(monitor: Monitor, policy: Policy) -> bytes:
    slis = {f"{SLI}{sli.name}": sli for sli in policy.slis}
    meanings = [meaning_of(slis[name]) for name in monitor.on if name in slis]
    # A season by other hours is another one; with UTC monitors keep the identities that they had before time zones.
    zone = [policy.timezone] if isinstance(monitor, SeriesMonitor) and policy.timezone != UTC else []
    return identity_of(monitor, policy.dimensions, meanings, *zone)


def kept_monitors(before: Mapping[str, bytes], now: Mapping[str, bytes]) -> frozenset[str]:
    """Return the names of the unchanged monitors."""
    return frozenset(name for name, each in now.items() if before.get(name) == each)


def moved_sums(sums: Sums, before: Sequence[WatchedColumn], now: Sequence[WatchedColumn]) -> Sums:
    """Return the sums of a running window, arranged by the fields that are watched now."""
    to = moves(before, now)
    fields = to.to
    sums.counts = moved_columns(sums.counts, to.bins)
    sums.moments = moved_columns(sums.moments, to.fields)
    sums.ranges = moved_columns(sums.ranges, to.fields, -np.inf)
    sums.offenders = {
        slot: {
            (fields[field], why): [each._replace(watched=fields[field]) for each in some]
            for (field, why), some in known.items()
            if field in fields
        }
        for slot, known in sums.offenders.items()
    }
    return sums


def moved_weeks(
    new: LastWeek, saved: LastWeek, before: Sequence[WatchedColumn], now: Sequence[WatchedColumn]
) -> LastWeek:
    """Return the windows of the last week that monitors still need, arranged by the fields that are watched now."""
    to = moves(before, now)
    for (window_ms, end), packed in saved.kept.items():
        if window_ms not in new.bins or window_ms not in saved.bins:
            continue
        bins = _found(saved.bins[window_ms], to.bins[new.bins[window_ms]])
        fields = _found(saved.fields[window_ms], to.fields[new.fields[window_ms]])
        window = unpack_fields(packed)
        window |= {"counts": moved_columns(window["counts"], bins), "moments": moved_columns(window["moments"], fields)}
        new.kept[window_ms, end] = pack_fields(window)
    return new


def _found(kept: Any, wanted: Any) -> Any:
    """Return the place of each of `wanted` in the rising `kept`; NEW where it is not there, or is NEW itself."""
    at = np.minimum(np.searchsorted(kept, wanted), max(len(kept) - 1, 0))
    there = (wanted != NEW) & (kept[at] == wanted) if len(kept) else np.zeros(len(wanted), bool)
    return np.where(there, at, NEW)
