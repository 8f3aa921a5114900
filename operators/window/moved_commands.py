"""Commands of a model that moved to another policy file at a restart: those waiting, and the ids of those obeyed.

The model may have another shard under its new file. So all of this is looked up before the engine starts, and each
shard takes its part over with its first input. From then on it is saved there, from the epoch in which the other shard
lets go of it.
"""

import msgspec

from operators.policy.claims import NOBODY, Claims
from operators.policy.policy import Policy
from operators.window.shards import home_of
from operators.window.waiting_commands import AtStart, Coming, Obeyed, Sent, Waiting, model_named
from operators.window.watermark import NEVER
from operators.wire.commands import Silence, Unsilence
from operators.wire.control import Notice

Place = tuple[str, int]  # The name of a file, and a shard.


class MovedCommands(msgspec.Struct, kw_only=True):
    """What one file takes over in one shard: `waiting` commands, each with the time its pane begins, and the `obeyed`.

    Times are in Unix ms, as panes may now have another length.
    """

    waiting: list[tuple[int, Coming]] = []
    obeyed: Obeyed = msgspec.field(default_factory=Obeyed)


Moved = dict[Place, MovedCommands]


def team_for(claims: Claims, model: str) -> int:
    """Return the number of the policy that has a model, or that speaks for models of no policy and for none ("")."""
    number = claims.of(model) if model else NOBODY
    return claims.first if number == NOBODY else number


def home_in(policy: Policy, model: str) -> Place:
    """Return the file, of several policies, and the shard that keep a model."""
    if policy.claims is None:
        raise ValueError("models of one policy are nowhere else")
    return policy.teams[team_for(policy.claims, model)].team, home_of(model, policy)


def model_of(coming: Coming) -> str:
    """Return the model that a command, refusal or notice is about, "" for none."""
    if isinstance(coming, Sent):
        return coming.command.model or ""
    return "" if isinstance(coming, Notice) else coming.model


def is_for_all(coming: Coming) -> bool:
    """Tell whether each file and shard has its own copy of it."""
    command = coming.command if isinstance(coming, Sent) else None
    return isinstance(command, Silence | Unsilence) and command.model is None


def note_moved(moved: Moved, policy: Policy, here: Place, waiting: Waiting, pane_ms: int) -> None:
    """Note the commands kept `here` for models that are elsewhere now; panes are `pane_ms` long."""
    for closing, each in waiting.waiting:
        if not is_for_all(each) and (there := _there(policy, here, model_of(each))) != here:
            moved.setdefault(there, MovedCommands()).waiting.append((closing * pane_ms, each))
    for name, time in waiting.obeyed.ids.items():
        model = model_named(name)
        if model is not None and (there := _there(policy, here, model)) != here:
            obeyed = moved.setdefault(there, MovedCommands()).obeyed
            obeyed.ids[name] = max(time, obeyed.ids.get(name, NEVER))
            obeyed.floor = max(obeyed.floor, waiting.obeyed.floor)


def take_moved(waiting: Waiting, policy: Policy, here: Place, moved: Moved, now_ms: int, pane_ms: int) -> None:
    """Drop what is elsewhere now, and take what was. `now_ms` is when the next pane to close begins, Unix ms."""
    coming = moved.get(here, MovedCommands())
    own = [each for each in waiting.waiting if is_for_all(each[1]) or _there(policy, here, model_of(each[1])) == here]
    # Where the time is unknown, as just after a start, it is no earlier than what the other place says.
    new = [(max(now_ms, at) if isinstance(each, AtStart) else at, each) for at, each in coming.waiting]
    known = [each for _, each in own]
    waiting.waiting = [*own, *((at // pane_ms, each) for at, each in new if each not in known)]
    waiting.obeyed.ids = coming.obeyed.ids | waiting.obeyed.ids
    waiting.obeyed.floor = max(waiting.obeyed.floor, coming.obeyed.floor)


def _there(policy: Policy, here: Place, model: str) -> Place:
    """Return the place of a model; what is about no model ("") stays in its shard."""
    team, shard = home_in(policy, model)
    return team, shard if model else here[1]
