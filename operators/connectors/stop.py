"""The flag that ends a dataflow in order: sources see it and report their end, sinks flush, nothing is killed.

An exception raised inside of the engine is a panic with a native backtrace; a bounded run, which has no epoch
to protect, records what went wrong here instead, and says it in one line once the engine has ended.
"""


class Stop:
    """Whether to stop, and why: an error, or None when somebody asked."""

    def __init__(self) -> None:
        self.requested = False
        self.error: Exception | None = None

    def request(self) -> None:
        self.requested = True

    def fail(self, error: Exception) -> None:
        """Stop because of `error`; the first one is kept."""
        self.requested = True
        self.error = self.error or error
