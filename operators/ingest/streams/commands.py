"""Commands: checked for the sender's rights, then sent to the shard of their model; refused ones become `Refusal`s.

Where no policy file takes the model, an alert under the model "" says so: the name may be mistyped, or the model
another worker's. The command is sent on all the same, as the model may be known from when a file took it.

A refusal takes effect with the pane that its log has reached by then, so commands are taken message by message.
"""

from collections import Counter
from collections.abc import Sequence
from typing import cast

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest import command_faults
from operators.ingest.again import Items
from operators.ingest.credentials import Credentials
from operators.ingest.formats.format import ItemDecoder
from operators.ingest.formats.origin import Origin
from operators.ingest.messages import Messages
from operators.ingest.placing import Reasons
from operators.ingest.read_events import ScannedReads
from operators.ingest.streams.stream import PlacedItems
from operators.policy.policy import Policy
from operators.window.partial import Partial
from operators.window.shards import home_of
from operators.window.waiting_commands import Coming, Sent
from operators.wire.commands import AnyCommand, Silence, Unsilence
from operators.wire.events import Feedback


class CommandItems:
    """The commands of one batch from `source`; `unclaimed` counts, by model, those that no policy takes."""

    feedback: Sequence[Feedback] = ()

    def __init__(self, source: str, policy: Policy, credentials: Credentials) -> None:
        self._source, self._policy, self._credentials = source, policy, credentials
        self.unusable: Counter[str] = Counter()
        self.unclaimed: Counter[str] = Counter()
        self._commands: list[tuple[int, int, Coming]] = []

    @property
    def needs_items(self) -> bool:
        return True

    def read(self, items: Sequence[AnyCommand]) -> Sequence[AnyCommand]:
        return items

    def scan(self, messages: Messages, decoder: ItemDecoder) -> ScannedReads | None:
        """Return None: every command is decoded."""

    def faults(self, items: Items, index: Ints, origin: Origin, known: Reasons) -> Reasons:
        found = {}
        for place, item in zip(index.tolist(), cast(Sequence[AnyCommand], items), strict=True):
            if place not in known:
                fault = command_faults.command_fault(item, origin, place, self._credentials, self._policy)
                if fault is not None:
                    found[place] = fault
        return found

    def ids(self) -> Ints | None:
        """Return None: the shard that obeys a command makes sure that it is obeyed once."""

    def criteria(self) -> Ints | None:
        """Return None: commands judge nothing."""

    def take(self, placed: PlacedItems) -> None:
        index = placed.index[np.flatnonzero(placed.keep)].tolist()
        commands = cast(Sequence[AnyCommand], placed.items)
        for command, row, closing in zip(commands, index, placed.times.closing.tolist(), strict=True):
            place = placed.origin.place(row)
            self._commands += [(shard, closing, sent) for shard, sent in self._sent(command, place)]
            if command.model and self._policy.claims is not None and self._policy.of(command.model) is None:
                self.unclaimed[command.model] += 1
                nobodys = command_faults.nobodys(command, self._source, place)
                self._commands.append((home_of("", self._policy), closing, nobodys))
        # The time of a refused command cannot be believed.
        reached = placed.reached // self._policy.pane_ms
        refusals = command_faults.refusals(placed.rejects, self._source)
        self._commands += [(home_of(refusal.model, self._policy), reached, refusal) for refusal in refusals]

    def _sent(self, command: AnyCommand, place: tuple[int, int]) -> list[tuple[int, Sent]]:
        """Return the command for each shard that should take it; one that names no model goes to all."""
        every = isinstance(command, Silence | Unsilence) and command.model is None
        home = home_of(command.model or "", self._policy)  # The shard that reports a copy of it.
        kept = command_faults.kept(self._credentials.attributed(command))
        sent = Sent(command=kept, source=self._source, position=place[0], item=place[1])
        shards = range(self._policy.shards) if every else [home]
        return [(shard, msgspec.structs.replace(sent, reports=shard == home)) for shard in shards]

    def partials(self) -> list[tuple[int, int, Partial]]:
        return []

    def commands(self) -> list[tuple[int, int, Coming]]:
        return self._commands
