"""Python's search for cycles of garbage: rare where events are counted, which makes thousands of values and no cycles.

At its default it begins at every 700 values that hold others, which costs the archive a tenth of its time, and the
monitor of 1,000 models a quarter: what it keeps of each is looked through again and again.
"""

import gc

YOUNG, OLDER, OLDEST = 200_000, 50, 50  # New values before a search; searches before one among those that stayed.


def collect_rarely() -> None:
    """Search rarely in this process from now on, and never among what it has imported by now."""
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
