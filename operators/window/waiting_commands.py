"""Commands on their way to the pane with which they take effect; each is obeyed once, whoever sends it again."""

from collections.abc import Iterable, Sequence

import msgspec

from operators.window.watermark import END, NEVER
from operators.wire.commands import SILENCE_MS_MAX, AnyCommand, Command, Silence, Unsilence
from operators.wire.control import Notice, Refusal
from operators.wire.events import ms_of

REMEMBERED_MS = SILENCE_MS_MAX  # A command at least up to this age is obeyed; an older one is refused.
NOTICES = ("refused", "late", "behind")  # In the order in which notices of one number are reported.
UNCLAIMED = "unclaimed"  # The reason for refusing a command whose model no policy file takes.
TOO_LATE = "too_late"  # The reason for refusing a command that is older than what is remembered.
OVER = "over"  # The reason for refusing a silence that ended before it could begin.
OBEYED_MAX = 10_000  # Ids remembered per shard: more than people and pipelines send to its models in a week.


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """A command as one shard gets it, and its place in the log; `reports`: this shard is to report its refusal."""

    command: AnyCommand
    source: str = ""
    position: int = 0
    item: int = 0
    reports: bool = True

    def refused(self, reason: str, detail: str) -> Refusal:
        return Refusal(
            source=self.source,
            position=self.position,
            item=self.item,
            reason=reason,
            detail=detail,
            model=self.command.model or "",
        )


class AtStart(msgspec.Struct, frozen=True, kw_only=True):
    """A change for a model because the worker was started under other policy files."""

    model: str


class Unwatched(AtStart, frozen=True, kw_only=True):
    """No policy file takes the model any more: all that is open for it ends."""


class TakenIn(AtStart, frozen=True, kw_only=True):
    """Another file takes the model now: it goes on there, even if no more events of it come."""


Coming = Sent | Refusal | Notice | Unwatched | TakenIn
Due = AnyCommand | Refusal | Notice | Unwatched | TakenIn  # Takes effect with a pane.


def without_start(due: Sequence[Due]) -> list[Due]:
    """Leave out what comes from the worker's start, which no sender asked for."""
    return [each for each in due if not isinstance(each, AtStart)]


class Obeyed(msgspec.Struct, kw_only=True):
    """The names of the commands taken, and the time of each; up to time `floor` some were forgotten. Unix ms.

    An id belongs to a key and a model, so senders cannot use up each other's ids. Older stores have the id alone.
    """

    ids: dict[str, int] = {}
    floor: int = NEVER

    def fault_of(self, command: Command, oldest_ms: int) -> tuple[str, str] | None:
        """Note a command. Return why it is not obeyed, as (reason, detail); None if it is."""
        time, name = ms_of(command.ts), _name_of(command)
        if name in self.ids or command.id in self.ids:
            return "repeated", f"command {command.id} was taken before"
        if time < oldest_ms:
            return TOO_LATE, f"command {command.id} is {oldest_ms - time} ms older than what is still obeyed"
        if time <= self.floor:
            return "repeated", f"so many commands came since that command {command.id} may have been taken before"
        self.ids[name] = time
        return None

    @property
    def of_all(self) -> "Obeyed":
        """The commands about all models, which each file and shard obeys for itself."""
        return Obeyed(ids={name: time for name, time in self.ids.items() if not model_named(name)}, floor=self.floor)

    def forget_before(self, oldest_ms: int) -> None:
        """Forget ids that would be refused as too late anyway, and the oldest beyond `OBEYED_MAX`."""
        kept = sorted((time, name) for name, time in self.ids.items() if time >= oldest_ms)
        if len(kept) > OBEYED_MAX:
            self.floor = max(self.floor, kept[-OBEYED_MAX - 1][0])
        self.ids = {name: time for time, name in kept[-OBEYED_MAX:]}


class Waiting:
    """Commands, refusals and notices for a shard, each with its pane, and the ids of those obeyed; all of it is saved.

    Of two commands with the same id, key and model the first by pane, time and place is obeyed: a copy in any partition
    has no effect.
    """

    def __init__(self, coming: Iterable[tuple[int, Coming]] = (), obeyed: Obeyed | None = None) -> None:
        self.waiting = list(coming)
        self.obeyed = obeyed or Obeyed()

    def panes(self, closed: int, others: Iterable[int] = ()) -> set[int]:
        """Return the panes that commands wait for; a command whose pane has closed waits for the next to close.

        Before any pane has closed, these are the panes of commands that wake a shard, and all panes after the first one
        to close, be it of such a command or of the `others`, which close for another reason. So it does not matter how
        much is read at once.
        """
        if closed != NEVER:
            return {max(closing, closed + 1) for closing, _ in self.waiting}
        waking = {closing for closing, coming in self.waiting if _wakes(coming) and closing > 0}
        first = min((*waking, *others), default=END)
        return waking | {closing for closing, _ in self.waiting if closing > first}

    @property
    def timeless(self) -> bool:
        """Whether something waits that came before any event of its log: it takes effect with the first pane."""
        return any(_wakes(coming) and closing <= 0 for closing, coming in self.waiting)

    def take(self, pane: int, pane_ms: int, horizon_ms: int) -> tuple[Due, ...]:
        """Remove and return what takes effect with this pane, in an order that depends on contents and places alone.

        Commands older than both `horizon_ms` and `REMEMBERED_MS` are refused: their ids may be forgotten.
        """
        due = sorted((coming for closing, coming in self.waiting if closing <= pane), key=_order_of)
        if not due:
            return ()
        self.waiting = [(closing, coming) for closing, coming in self.waiting if closing > pane]
        now = pane * pane_ms
        oldest = now - max(horizon_ms, REMEMBERED_MS)
        taken = [self._taken(each, now, oldest) if isinstance(each, Sent) else each for each in due]
        self.obeyed.forget_before(oldest)
        commands = [each for each in taken if isinstance(each, Command)]
        started = [each for each in taken if isinstance(each, AtStart)]
        others = [each for each in taken if isinstance(each, Refusal | Notice)]
        return (*started, *commands, *sorted(others, key=_place_of))

    def _taken(self, sent: Sent, now: int, oldest: int) -> Due | None:
        """Return the command if it is to be obeyed, a refusal if it is not, None if there is nothing to report."""
        fault = self.obeyed.fault_of(sent.command, oldest)
        if fault is None or fault[0] == TOO_LATE:
            fault = _over(sent.command, now) or fault
        of_all = isinstance(sent.command, Silence | Unsilence) and sent.command.model is None
        if fault is None and of_all and sent.reports:
            # All shards get it; the one that reports gets it for model "", and answers where it ends or mutes nothing.
            return msgspec.structs.replace(sent.command, model="")
        if fault is None:
            return sent.command
        return sent.refused(*fault) if sent.reports else None


def _over(command: Command, now: int) -> tuple[str, str] | None:
    """Return why a silence that ended before it takes effect, at `now` [Unix ms], is not obeyed; None if it is."""
    if not isinstance(command, Silence) or (late := now - ms_of(command.until)) < 0:
        return None
    return OVER, f"command {command.id} is a silence that ended {late} ms before it could begin"


def _name_of(command: Command) -> str:
    """Return the name that a command shares with its copies, and with nothing else."""
    return "\0".join((getattr(command, "model", None) or "", command.key, command.id))


def model_named(name: str) -> str | None:
    """Return the model in the name of an obeyed command; None where the name is the id alone."""
    model, separator, _ = name.partition("\0")
    return model if separator else None


def _wakes(coming: Coming) -> bool:
    if isinstance(coming, Notice):
        return coming.severity is not None  # Good news waits for the next pane, if there ever is one.
    if isinstance(coming, Refusal | AtStart):
        return True
    # A silence of all models, or its end, goes to all shards, even those without models: it wakes the one that answers.
    return coming.reports


def _order_of(coming: Coming) -> tuple[int, str, str, int, int]:
    """Order commands by time, id and place, and after them refusals and notices by place."""
    if isinstance(coming, AtStart):
        return NEVER, coming.model, "", 0, 0
    if isinstance(coming, Refusal | Notice):
        return END, "", *_place_of(coming)
    return ms_of(coming.command.ts), coming.command.id, *_place_of(coming)


def _place_of(coming: Sent | Refusal | Notice) -> tuple[str, int, int]:
    if isinstance(coming, Notice):
        return coming.source, coming.number, NOTICES.index(coming.kind)
    return coming.source, coming.position, coming.item
