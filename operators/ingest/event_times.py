"""Where items belong: their time, the pane that they close with, their own pane, and whether they are late."""

from collections.abc import Sequence

import msgspec

from operators.arrays import Ints, joined_columns


class EventTimes(msgspec.Struct, frozen=True, kw_only=True):
    """Where n items belong, each (n,): their time [Unix ms], the pane they close with, their own pane, and lateness."""

    time: Ints
    closing: Ints
    pane: Ints
    late: Ints

    def of(self, rows: Ints) -> "EventTimes":
        """Return the places of some of the items."""
        return EventTimes(time=self.time[rows], closing=self.closing[rows], pane=self.pane[rows], late=self.late[rows])


def joined_times(places: Sequence[EventTimes]) -> EventTimes:
    """Return the places of several chunks as one."""
    columns = {
        name: joined_columns([getattr(place, name) for place in places]) for name in EventTimes.__struct_fields__
    }
    return EventTimes(**columns)
