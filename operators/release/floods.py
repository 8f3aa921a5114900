"""More commands than anybody gives in a pane: obeyed as far as that goes, and told of."""

from collections.abc import Sequence

from operators.release.model import Model, PaneContext
from operators.window.waiting_commands import Due
from operators.wire.commands import Command
from operators.wire.control import ControlEvent

COMMANDS_MAX = 200  # Of one model in a pane: each may be a control event, and a megabyte holds ten thousand.


def without_flood(model: Model, at: PaneContext, due: Sequence[Due]) -> tuple[list[Due], list[ControlEvent]]:
    """Return what was said without the commands beyond the first COMMANDS_MAX, and what is told of those."""
    commands = [each for each in due if isinstance(each, Command)]
    beyond = {each.id for each in commands[COMMANDS_MAX:]}
    if not beyond:
        return list(due), []
    first = commands[COMMANDS_MAX].id
    reason = f"{len(beyond)} commands beyond {COMMANDS_MAX} of one pane were not obeyed; the first: {first}"
    alert = model.say("alert", at, "", "commands:too_many", "page", None, reason=reason)
    return [each for each in due if not (isinstance(each, Command) and each.id in beyond)], [alert]
