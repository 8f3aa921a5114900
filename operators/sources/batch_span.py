"""How many messages to read at once: fewer where they are far apart in time, so that few panes close together.

All results of a batch are in memory together: in a file with one request an hour, tens of thousands of messages would
be years of panes and windows. Output does not depend on this, as on no batching.
"""

from operators.window.watermark import NEVER

PANES_MAX = 360  # Panes that one read should span, more or less.
FIRST = 500  # Messages in the first read, before it is known how far apart they are.
GROWTH = 4  # A read has at most so many times the messages of the last one, as the next may be further apart.
MOST = 1 << 30


class BatchSpan:
    """Learns how far the messages of one partition are apart; `messages_max` is how many to read next.

    >>> span = BatchSpan(pane_ms=60_000)
    >>> for newest in (0, 1_000, 86_400_000):
    ...     span.took(span.messages_max, newest)
    ...     print(span.messages_max)
    500
    2000
    500
    """

    def __init__(self, pane_ms: int) -> None:
        self.messages_max = FIRST
        self._most_ms = PANES_MAX * pane_ms
        self._newest = NEVER

    def took(self, messages: int, newest: int) -> None:
        """Learn that after so many messages the partition's time has reached `newest`, Unix ms."""
        before, self._newest = self._newest, newest
        if messages and before > NEVER:
            fitting = messages * self._most_ms // max(newest - before, 1)
            self.messages_max = max(1, min(fitting, GROWTH * self.messages_max, MOST))
