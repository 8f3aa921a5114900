"""Commands of a model that another policy file takes since a restart: those that wait, and the ids of those obeyed.

The file that takes it may have it in another shard. So all of it is looked up before the engine starts, and taken over
by each shard with its first input. From then on it is saved there, in the same epoch in which the other lets go of it.
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
    """What one file takes over in one shard: `waiting` commands, each with when its pane begins, and the `obeyed`.

    Unix ms, as panes may have another length since.
    """

    waiting: list[tuple[int, Coming]] = []
    obeyed: Obeyed = msgspec.field(default_factory=Obeyed)


Moved = dict[Place, MovedCommands]


def team_for(claims: Claims, model: str) -> int:
    """Return the number of the policy that has a model, or speaks for it where it is nobody's, or none ("")."""
    number = claims.of(model) if model else NOBODY
    return claims.first if number == NOBODY else number


def home_in(policy: Policy, model: str) -> Place:
    """Return where what is known of a model is, of several policies."""
    if policy.claims is None:
        raise ValueError("models of one policy are nowhere else")
    return policy.teams[team_for(policy.claims, model)].team, home_of(model, policy)


def model_of(coming: Coming) -> str:
    """Return the model that something is about, "" where it is about none."""
    if isinstance(coming, Sent):
        return coming.command.model or ""
    return "" if isinstance(coming, Notice) else coming.model


def is_for_all(coming: Coming) -> bool:
    """Tell whether each file and shard has its own of it."""
    command = coming.command if isinstance(coming, Sent) else None
    return isinstance(command, Silence | Unsilence) and command.model is None


def note_moved(moved: Moved, policy: Policy, here: Place, waiting: Waiting, pane_ms: int) -> None:
    """Note what is kept `here` of commands, and is of models that are elsewhere now; panes are `pane_ms` long."""
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
    """Let go of what is elsewhere now, and take what was. `now_ms` is when the next pane to close begins, Unix ms."""
    coming = moved.get(here, MovedCommands())
    own = [each for each in waiting.waiting if is_for_all(each[1]) or _there(policy, here, model_of(each[1])) == here]
    # Where nobody knows how far time is, as just after a start, it is no earlier than what was said in the other place.
    new = [(max(now_ms, at) if isinstance(each, AtStart) else at, each) for at, each in coming.waiting]
    known = [each for _, each in own]
    waiting.waiting = [*own, *((at // pane_ms, each) for at, each in new if each not in known)]
    waiting.obeyed.ids = coming.obeyed.ids | waiting.obeyed.ids
    waiting.obeyed.floor = max(waiting.obeyed.floor, coming.obeyed.floor)


def _there(policy: Policy, here: Place, model: str) -> Place:
    """Return the place of a model; what is about none, or nobody can be told of, stays in its shard."""
    team, shard = home_in(policy, model)
    return team, shard if model else here[1]
