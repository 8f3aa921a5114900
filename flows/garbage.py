"""Makes Python's search for garbage cycles rare where events are counted: that makes many values and no cycles.

By default a search begins at every 700 new containers. That costs the archive a tenth of its time, and a monitor of
1,000 models a quarter, as the state of each model is searched again and again.
"""

import gc

YOUNG, OLDER, OLDEST = 200_000, 50, 50  # New values before a search; searches before one of the older values.


def collect_rarely() -> None:
    """Search rarely in this process from now on, and never among objects that exist by now."""
    gc.freeze()
    gc.set_threshold(YOUNG, OLDER, OLDEST)
