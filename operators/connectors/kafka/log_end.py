"""Has a log been read to its end? A broker that was killed says so too early for a moment.

After such a restart its high watermark may begin below what it had shown before, and a fetch from there finds "the
end". Taken at its word, a partition in the middle of its log would be left out as silent, and panes would close
without it. So an end before offsets that have been seen is believed only once it has been told for `DOUBT_S`: then
messages were really lost.
"""

DOUBT_S = 60.0


class LogEnd:
    """What is known of the end of one partition's log."""

    def __init__(self) -> None:
        self.reached = False
        self._highest = 0  # The largest high watermark that was seen.
        self._doubted_since: float | None = None

    def moved(self, high: int) -> None:
        """Messages came, of a log that ends at `high` as far as is known; then it is not known that they are all."""
        self.reached = False
        self._doubted_since = None
        self._highest = max(self._highest, high)

    def answered(self, position: int, now_s: float) -> None:
        """Take the broker's answer that the log ends at `position`; below what was seen, only after DOUBT_S [s].

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
        """Whether an end was told that is not believed: it is to be asked for again."""
        return self._doubted_since is not None and not self.reached

    def recheck(self) -> None:
        """Make `reached` false until it is told anew."""
        self.reached = False
