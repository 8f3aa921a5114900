"""The types of control events: a line each."""

from collections.abc import Mapping

from operators.wire.event_kinds import (
    alert,
    hold,
    kill,
    promote,
    recovered,
    rollback,
    rollback_applied,
    rollback_ineffective,
    throttle,
)
from operators.wire.event_kinds.kind import EventKind

EVENT_KINDS: Mapping[str, EventKind] = {
    kind.name: kind
    for kind in (
        alert.KIND,
        rollback.KIND,
        rollback_applied.KIND,
        recovered.KIND,
        rollback_ineffective.KIND,
        promote.KIND,
        hold.KIND,
        throttle.KIND,
        kill.KIND,
    )
}
