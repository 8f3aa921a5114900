"""Replaces the reader of a log that is no longer read: the log has ended where it was read to."""

from operators.ingest.messages import Messages


class LeftOutReader:
    """Reads nothing; `position` stays as saved, for when the log is read again."""

    at_end = True

    def __init__(self, position: int | None) -> None:
        self.position = position or 0

    def read(self) -> Messages | None:
        return None

    def recheck(self) -> None: ...

    def close(self) -> None: ...
