"""The open panes of one shard where several policies share a worker: each policy has its own.

All share one time. The panes of a policy begin with its first item, and go on from there as if they had always been
there: `idle` takes what a policy without any items would see, and new ones begin as its copy.
"""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

import msgspec

from operators.policy.claims import NOBODY
from operators.policy.policy import CountColumns, Policy
from operators.window.fence import SpansSeen
from operators.window.going_over import PanesOfAnyLength
from operators.window.limits import Limits
from operators.window.moved_commands import Moved, is_for_all, model_of, take_moved, team_for
from operators.window.pane_items import PaneItem, ShardInput
from operators.window.partial import Partial
from operators.window.saved_panes import SavedPanes
from operators.window.waiting_commands import Coming, Sent, Waiting
from operators.window.watermark import NEVER
from operators.wire.commands import Silence, Unsilence
from operators.wire.control import Refusal

T = TypeVar("T")


class TeamItem(NamedTuple, Generic[T]):
    """An item of one policy on its way from step to step, with the number of the policy."""

    team: int
    item: T


class SavedTeamPanes(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a shard's panes by name of each policy, and `idle`, of panes to which nothing ever came.

    `shapes` has, by policy, the shape of the counts that are kept.
    """

    idle: SavedPanes
    teams: dict[str, SavedPanes]
    shapes: dict[str, str] = {}


def as_first_of_several(alone: SavedPanes, shape: str, pane_ms: int) -> SavedTeamPanes:
    """Return what a policy saved while it was alone as state of the first of several, which is kept as "".

    `idle` has seen what that policy has seen. `pane_ms` is the length of its panes.
    """
    watermark = alone.watermark
    if watermark is not None:
        watermark = msgspec.structs.replace(watermark, marks=dict(watermark.marks))
    idle = SavedPanes(
        watermark=watermark,
        open={},
        limits=Limits(),
        closed=NEVER,
        order=0,
        kept=(),
        commands=tuple((closing, _silent(each)) for closing, each in alone.commands if is_for_all(each)),
        seen=None if alone.seen is None else dict(alone.seen),
        obeyed=alone.obeyed.of_all,
        pane_ms=alone.pane_ms or pane_ms,
    )
    return SavedTeamPanes(idle=idle, teams={"": alone}, shapes={"": shape})


class TeamPanes:
    """The panes of a shard by the number of their policy."""

    def __init__(
        self,
        policy: Policy,
        saved: SavedTeamPanes | None = None,
        had: CountColumns | None = None,
        moved: Moved | None = None,
    ) -> None:
        if policy.claims is None:
            raise ValueError("a policy without claims has one set of panes")
        self.policy, self._claims = policy, policy.claims
        self._idle = PanesOfAnyLength(policy, None if saved is None else saved.idle, had)
        shapes = {} if saved is None else saved.shapes
        known: Mapping[str, SavedPanes] = {} if saved is None else saved.teams
        self.teams = {
            number: PanesOfAnyLength(team, known[team.team], team.earlier.get(shapes.get(team.team, "")))
            for number, team in enumerate(policy.teams)
            if team.team in known
        }
        self._moved = moved

    def save(self) -> SavedTeamPanes:
        """Return all that a restart needs."""
        teams = {self.policy.teams[number].team: panes.save() for number, panes in sorted(self.teams.items())}
        shapes = {policy.team: policy.shape for policy in self.policy.teams if policy.team in teams}
        return SavedTeamPanes(idle=self._idle.save(), teams=teams, shapes=shapes)

    @property
    def open(self) -> int:
        """How many panes are open."""
        return sum(len(panes.open) for panes in self.teams.values())

    @property
    def lag_ms(self) -> int:
        """Event time from the watermark to the newest event, Unix ms."""
        return self._idle.lag_ms

    def push(self, item: ShardInput) -> list[TeamItem[PaneItem]]:
        """Take one input and return what it closes, each with its policy, in the order of policies and panes."""
        self._idle.go_over()  # First, as others may begin as its copy.
        if self._moved is not None:
            self._take_moved(self._moved, item.shard)
            self._moved = None
        partials: dict[int, list[tuple[int, Partial]]] = {}
        for team, partial in zip(item.teams, item.partials, strict=True):
            partials.setdefault(team, []).append(partial)
        of_all, commands = self._commands(item.commands)
        reporting = {self._claims.first} if any(_is_reported(each) for _, each in of_all) else set()
        for team in sorted({*partials, *commands, *reporting} - self.teams.keys()):
            self.teams[team] = self._begun(team)
        bare = msgspec.structs.replace(item, partials=(), commands=(), teams=())
        self._idle.push(msgspec.structs.replace(bare, commands=[(closing, _silent(each)) for closing, each in of_all]))
        return [
            TeamItem(team, each)
            for team in sorted(self.teams)
            for each in self.teams[team].push(
                msgspec.structs.replace(
                    bare,
                    partials=partials.get(team, ()),
                    commands=[*self._of_all(of_all, team), *commands.get(team, ())],
                )
            )
        ]

    def _take_moved(self, moved: Moved, shard: int) -> None:
        """Give each policy the waiting commands of the models it has now."""
        low = NEVER if self._idle.watermark is None else self._idle.watermark.low_ms
        for number, policy in enumerate(self.policy.teams):
            if number not in self.teams and (policy.team, shard) in moved:
                self.teams[number] = self._begun(number)
            if number in self.teams:
                panes = self.teams[number]
                now = max(low, panes.policy.pane_ms)  # Nothing wakes pane 0 or earlier ones.
                take_moved(panes.commands, self.policy, (policy.team, shard), moved, now, panes.policy.pane_ms)

    def _begun(self, team: int) -> PanesOfAnyLength:
        """Return new panes for a policy without any so far, as a copy of the idle ones."""
        new, idle = PanesOfAnyLength(self.policy.teams[team]), self._idle
        new.shard = idle.shard
        if idle.watermark is not None:
            new.watermark = msgspec.structs.replace(idle.watermark, marks=dict(idle.watermark.marks))
        new.seen = SpansSeen(dict(idle.seen.positions))
        new.commands = Waiting(self._of_all(idle.commands.waiting, team), idle.commands.obeyed.of_all)
        return new

    def _commands(
        self, coming: Sequence[tuple[int, Coming]]
    ) -> tuple[list[tuple[int, Coming]], dict[int, list[tuple[int, Coming]]]]:
        """Return the commands for all models, and by policy those for one model."""
        of_all: list[tuple[int, Coming]] = []
        by_team: dict[int, list[tuple[int, Coming]]] = {}
        for closing, each in coming:
            if is_for_all(each):
                of_all.append((closing, each))
                continue
            model = model_of(each)
            team = team_for(self._claims, model)
            if isinstance(each, Refusal) and self._claims.of(model) == NOBODY:  # A refusal is reported even so.
                each = msgspec.structs.replace(each, model="")  # noqa: PLW2901
            by_team.setdefault(team, []).append((closing, each))
        return of_all, by_team

    def _of_all(self, coming: Sequence[tuple[int, Coming]], team: int) -> list[tuple[int, Coming]]:
        """Return the commands for all models that concern this policy; only the first policy reports them."""
        return [
            (closing, each if team == self._claims.first else _silent(each))
            for closing, each in coming
            if self._concerns(each, team)
        ]

    def _concerns(self, each: Coming, team: int) -> bool:
        """Tell whether a policy has the rule that a command for all models names, or no policy has it."""
        rule = each.command.rule if isinstance(each, Sent) and isinstance(each.command, Silence | Unsilence) else None
        having = [
            number for number, policy in enumerate(self.policy.teams) if any(r.name == rule for r in policy.rules)
        ]
        return not having or team in having


def _is_reported(each: Coming) -> bool:
    return isinstance(each, Sent) and each.reports


def _silent(each: Coming) -> Coming:
    return msgspec.structs.replace(each, reports=False) if isinstance(each, Sent) else each
