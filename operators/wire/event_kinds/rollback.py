"""`rollback`: a version is taken out, and its traffic goes to another one."""

from operators.wire.event_kinds.kind import EventKind

KIND = EventKind(
    name="rollback",
    says="{who} is rolled back: {where_to}, {by}",
    style="bold red",
    page="rollback.md",
    harm=True,
    withdraws=True,
    begins="withdrawal",
    ends=("hold",),
)
