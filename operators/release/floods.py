"""More commands in a pane than anybody sends: obeyed up to a limit, and reported.

Each kind has its own limit: a sender who may only send one kind holds up no other, as acknowledgements would a
rollback.
"""

from collections import Counter
from collections.abc import Sequence

from operators.release.model import Model, PaneContext
from operators.window.waiting_commands import Due
from operators.wire.commands import Command
from operators.wire.control import ControlEvent

TOO_MANY = "commands:too_many"  # The rule of the alert on those that were not obeyed.
COMMANDS_MAX = 200  # Of one kind and model in a pane: each may be a control event, and a megabyte holds ten thousand.


def parted(due: Sequence[Due]) -> tuple[list[Due], list[Command]]:
    """Return the items of a pane for a model that are obeyed, and the commands beyond COMMANDS_MAX."""
    taken: Counter[type] = Counter()
    obeyed: list[Due] = []
    beyond: list[Command] = []
    for each in due:
        taken[type(each)] += 1
        if isinstance(each, Command) and taken[type(each)] > COMMANDS_MAX:
            beyond.append(each)
        else:
            obeyed.append(each)
    return obeyed, beyond


def without_flood(model: Model, at: PaneContext, due: Sequence[Due]) -> tuple[list[Due], list[ControlEvent]]:
    """Return the items without commands of a kind beyond the first COMMANDS_MAX, and the alerts on those."""
    obeyed, beyond = parted(due)
    if not beyond:
        return obeyed, []
    reason = (
        f"{len(beyond)} commands beyond {COMMANDS_MAX} of one kind and pane were not obeyed; the first: {beyond[0].id}"
    )
    return obeyed, [model.say("alert", at, "", TOO_MANY, "page", None, reason=reason)]
