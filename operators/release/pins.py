"""The pins of all models, as a gateway keeps them from the control topic: which version its traffic must go to.

Nothing but this module and `operators/control.py` is needed; it reads no clock, and it is not safe for threads.
"""

from collections.abc import Mapping

import msgspec

from operators.control import ControlEvent

ENDS_KILL = frozenset({"rollback", "promote"})  # They say where traffic goes instead.


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a model since control event `event`, of time `ts` [Unix ms].

    `pin` is the version that all traffic must go to, None if any may get some. Version `killed` must get none, and
    `throttled` less than it would; both None in ordinary times.
    """

    revision: int
    event: str
    type: str
    ts: int
    pin: str | None = None
    killed: str | None = None
    throttled: str | None = None


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a control event that pins depend on: a type that is not known yet has a pin as well."""

    id: str
    revision: int
    type: str
    ts: int
    model: str
    version: str
    state: str = "firing"
    pin: str | None = None


_decode = msgspec.json.Decoder(_Said).decode


class PinTable:
    """Keeps per model what the event of the largest revision says; every event says the model's whole pin.

    The revision is the fencing token: an event with the same or a smaller one changes nothing, so events may come
    again, and what a worker says that was thought dead and speaks late is not obeyed. One entry per model is kept.
    """

    def __init__(self, standings: Mapping[str, Standing] | None = None) -> None:
        self.standings: dict[str, Standing] = dict(standings or {})
        self.refused = 0  # Values that are no control event.

    def take(self, event: ControlEvent | bytes) -> bool:
        """Take an event, as it is or as a message's value; return whether the model's standing is another one now.

        A value that is no control event is counted as refused: a gateway must survive it.

        >>> table = PinTable()
        >>> event = b'{"id":"a","revision":7,"type":"rollback","ts":0,"model":"m","version":"v2","pin":"v1"}'
        >>> table.take(event), table.pin("m"), table.take(event)
        (True, 'v1', False)
        """
        if isinstance(event, bytes):
            try:
                said = _decode(event)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.refused += 1
                return False
        else:
            said = msgspec.convert(event, _Said, from_attributes=True)
        before = self.standings.get(said.model)
        if before is not None and said.revision <= before.revision:
            return False
        now = self.standings[said.model] = _after(before, said)
        return before is None or _orders(before) != _orders(now)

    def pin(self, model: str) -> str | None:
        """Return the version that all traffic of a model must go to, None if any may get some."""
        standing = self.standings.get(model)
        return None if standing is None else standing.pin

    def killed(self, model: str) -> str | None:
        """Return the version of a model that must get no traffic."""
        standing = self.standings.get(model)
        return None if standing is None else standing.killed

    def throttled(self, model: str) -> str | None:
        """Return the version of a model that must get less traffic."""
        standing = self.standings.get(model)
        return None if standing is None else standing.throttled

    def dump(self) -> bytes:
        """Return the table as JSON, to be kept over a restart."""
        return msgspec.json.encode(self.standings)

    @classmethod
    def load(cls, text: bytes) -> "PinTable":
        """Return the table that was dumped; msgspec.DecodeError if `text` is not one."""
        return cls(msgspec.json.decode(text, type=dict[str, Standing]))


def _after(before: Standing | None, said: _Said) -> Standing:
    killed = before.killed if before is not None else None
    throttled = before.throttled if before is not None else None
    over = said.state == "resolved"
    if said.type in ENDS_KILL:
        killed = throttled = None
    elif said.type == "kill":
        killed = None if over else said.version
    elif said.type == "throttle":
        throttled = None if over else said.version
    return Standing(
        revision=said.revision,
        event=said.id,
        type=said.type,
        ts=said.ts,
        pin=said.pin,
        killed=killed,
        throttled=throttled,
    )


def _orders(standing: Standing) -> tuple[str | None, str | None, str | None]:
    return standing.pin, standing.killed, standing.throttled
