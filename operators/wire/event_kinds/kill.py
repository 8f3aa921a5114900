"""`kill`: a version is taken out, wherever its traffic goes."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="kill",
    says="{who} must get no traffic any more, {by}",
    style="bold red",
    page="rollback.md",
    harm=True,
    withdraws=True,
    begins="withdrawal",
    ends=("hold",),
)
