"""Local time: hours of the week are counted by the clocks of a place, which may change twice a year.

The offsets of a time zone are looked up once, day by day, in the system's database (`zoneinfo`); all times are then
moved at once, by a search among the changes. A skipped hour has no events, and one that comes twice has those of both.
"""

from bisect import bisect_left
from datetime import UTC as UNIVERSAL
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from operators.arrays import Ints

UTC = "UTC"
DAY_S = 86_400
DAYS = 130 * 366  # From 1970 to 2100; from then on the last offset holds.
EPOCH = datetime(1970, 1, 1, tzinfo=UNIVERSAL)
# What the database has besides the names of places: this machine's own setting, its default rules, "not set", and
# copies; the copies in `right` count leap seconds, which Unix time does not.
NO_PLACES = frozenset({"localtime", "posixrules", "factory", "posix", "right"})


def known_zone(name: str) -> str:
    """Return the name if this system knows the time zone, and the name means the same on any system. ValueError."""
    if name.partition("/")[0].casefold() in NO_PLACES:
        raise ValueError(
            "must be the IANA name of a time zone, such as Europe/Berlin: this one means something else on other "
            "machines, or counts leap seconds"
        )
    _changes(name)
    return name


def local_ms(times: Ints | int, zone: str) -> Ints:
    """Return what clocks show at each time, as the Unix ms at which they would show it in UTC. ValueError.

    >>> at = np.array([1_774_745_999_999, 1_774_746_000_000])  # Until 2026-03-29, 02:00 in Berlin, which is 03:00.
    >>> ((local_ms(at, "Europe/Berlin") - at) // 3_600_000).tolist()
    [1, 2]
    """
    some = np.asarray(times, np.int64)
    if zone == UTC:
        return some
    starts, offsets = _changes(zone)
    return np.asarray(some + offsets[np.searchsorted(starts, some, side="right")])


@lru_cache(maxsize=100)
def _changes(name: str) -> tuple[Ints, Ints]:
    """Return when the offset of a zone changes (C,), Unix ms, and the offsets around these (C + 1,), ms."""
    if name == UTC:
        return np.zeros(0, np.int64), np.zeros(1, np.int64)
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(
            "must be the IANA name of a time zone that this system knows, such as Europe/Berlin "
            "(Linux has them in its package tzdata)"
        ) from error
    days = [_offset_s(zone, day * DAY_S) for day in range(DAYS)]
    changed = [day for day in range(1, DAYS) if days[day] != days[day - 1]]
    starts = [_first_s(zone, (day - 1) * DAY_S, day * DAY_S) * 1_000 for day in changed]
    return np.array(starts, np.int64), np.array([days[0], *(days[day] for day in changed)], np.int64) * 1_000


def _first_s(zone: ZoneInfo, low: int, high: int) -> int:
    """Return the first second at which the offset is that at `high`; the offset at `low` is another one."""
    after, seconds = _offset_s(zone, high), range(low, high)
    return low + bisect_left(seconds, True, key=lambda at_s: _offset_s(zone, at_s) == after)


def _offset_s(zone: ZoneInfo, at_s: int) -> int:
    offset = (EPOCH + timedelta(seconds=at_s)).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
