"""Python's search for cycles of garbage: rare in workers, which make thousands of values at once and leave no cycles.

At its default it begins at every 700 values that hold others, which costs the archive a tenth of its time.
"""

import gc

YOUNG, OLDER, OLDEST = 20_000, 50, 50  # New values before a search; searches before one among those that stayed.


def collect_rarely() -> None:
    """Search rarely in this process from now on, and never among what it has imported by now."""
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
