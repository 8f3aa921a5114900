"""A log that is not the one read before: positions in it mean other messages."""


class LogReplaced(Exception):
    """Going on would silently skip messages, or read others in their place."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"{found}. What was saved belongs to the one before. Say where to start: a new --recovery folder, and "
            "--from beginning (all that is there now is read) or --from end (it is left out)"
        )


def made_again(name: str, before: str, now: str) -> LogReplaced:
    """Return the failure of a topic that was deleted and created again under its name."""
    return LogReplaced(f"{name} was deleted and made again: it has the id {now}, and {before} was read")


def fewer(missing: list[str]) -> LogReplaced:
    """Return the failure of partitions that were read and no longer exist."""
    shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return LogReplaced(
        f"{shown} was read before and is not there any more: its topic was made again, or is another (a topic may be "
        "left out at a start that adds none)"
    )
