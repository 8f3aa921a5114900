"""Has a log been read to its end? After a kill a broker briefly says so too early.

After such a restart its high watermark may begin below what it had shown before, and a fetch from there finds "the
end". If that were believed, a partition in the middle of its log would be left out as silent, and panes would close
without it. So an end before offsets that have been seen is believed only once it has been reported for `DOUBT_S`: then
messages were really lost.
"""

DOUBT_S = 60.0


class LogEnd:
    """What is known of the end of one partition's log."""

    def __init__(self) -> None:
        self.reached = False
        self._highest = 0  # The largest high watermark seen.
        self._doubted_since: float | None = None

    def moved(self, high: int) -> None:
        """Note that messages came, of a log whose last known end is `high`; there may be more of them."""
        self.reached = False
        self._doubted_since = None
        self._highest = max(self._highest, high)

    def answered(self, position: int, now_s: float) -> None:
        """Take the broker's answer that the log ends at `position`; below what was seen, believe it only after DOUBT_S.

        >>> end = LogEnd()
        >>> end.moved(100)
        >>> end.answered(40, 0.0)
        >>> end.reached
        False
        >>> end.answered(40, DOUBT_S)
        >>> end.reached
        True
        """
        if position >= self._highest:
            self._highest, self._doubted_since, self.reached = position, None, True
            return
        if self._doubted_since is None:
            self._doubted_since = now_s
        self.reached = now_s - self._doubted_since >= DOUBT_S

    @property
    def doubted(self) -> bool:
        """Whether the reported end is not believed yet, and must be asked for again."""
        return self._doubted_since is not None and not self.reached

    def recheck(self) -> None:
        """Make `reached` false until the broker reports the end anew."""
        self.reached = False
