"""The flag that ends a dataflow in order: sources see it and report their end, sinks flush, nothing is killed.

An exception raised inside the engine is a panic with a native backtrace; a bounded run, which has no epoch
to protect, records the failure here instead, and reports it in one line once the engine has ended.
"""


class Stop:
    """Whether to stop, and why: an error, or None when somebody asked, or the dataflow must begin again."""

    def __init__(self) -> None:
        self.requested = False
        self.error: Exception | None = None
        self._asked = self._again = False

    def request(self) -> None:
        self._asked = self.requested = True

    def begin_again(self) -> None:
        """End the dataflow in order, so that it can go on from what it has saved."""
        self._again = self.requested = True

    def renew(self) -> bool:
        """Return whether to begin again now that the dataflow has ended; if so, reset the flag."""
        if not self._again or self._asked or self.error is not None:
            return False
        self._again = self.requested = False
        return True

    def fail(self, error: Exception) -> None:
        """Stop because of `error`; the first one is kept."""
        self.requested = True
        self.error = self.error or error
