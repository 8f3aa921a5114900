"""The pins of all models, as a gateway keeps them from the control topic: which version its traffic must go to.

Nothing but this module, `operators/control.py` and `operators/sealing.py` is needed. It reads no clock unless it is
given one, and it is not safe for threads.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from operators.control import ControlEvent
from operators.sealing import Reason, Verifier

VERSIONS_MAX = 100  # Of one model, killed, throttled or barred: the newest.


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for a model since control event `event`, of time `ts` [Unix ms].

    `pin` is the version that all traffic must go to, None if any may get some. Versions `killed` or `barred` must get
    none, and those `throttled` less than they would; all are empty in ordinary times.
    """

    revision: int
    event: str
    type: str
    ts: int
    pin: str | None = None
    killed: tuple[str, ...] = ()
    throttled: tuple[str, ...] = ()
    barred: tuple[str, ...] = ()


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a control event that pins depend on: a type that is not known yet has a pin as well."""

    id: str
    revision: int
    type: str
    ts: int
    model: str
    version: str
    rule: str = ""
    state: str = "firing"
    pin: str | None = None
    barred: tuple[str, ...] = ()
    lifts: bool | None = None


_decode = msgspec.json.Decoder(_Said).decode


class PinTable:
    """Keeps per model what the event of the largest revision says; every event says the model's whole pin.

    The revision is the fencing token: an event with the same or a smaller one changes nothing, so events may come
    again, and what a worker says that was thought dead and speaks late is not obeyed. One entry per model is kept.

    A pin is lifted, and a version allowed again, only by an event that says so (`lifts`): a worker that has begun anew,
    with an empty recovery folder, knows of no pin, and its alerts must not lift what stands.

    `verifier` says which events to believe; give it the keys of the worker and a clock. `refusals` counts by reason
    those that were not.
    """

    def __init__(self, standings: Mapping[str, Standing] | None = None, verifier: Verifier | None = None) -> None:
        self.standings: dict[str, Standing] = dict(standings or {})
        self.refusals: Counter[Reason] = Counter()
        self._verifier = verifier or Verifier()

    @property
    def refused(self) -> int:
        """How many values were no control event, or none to believe."""
        return self.refusals.total()

    def take(self, event: ControlEvent | bytes) -> bool:
        """Take an event, as it is or as a message's value; return whether the model's standing is another one now.

        A value that is no control event, or is not believed, is counted as refused: a gateway must survive it.

        >>> table = PinTable()
        >>> event = b'{"id":"a","revision":7,"type":"rollback","ts":0,"model":"m","version":"v2","pin":"v1"}'
        >>> table.take(event), table.pin("m"), table.take(event)
        (True, 'v1', False)
        """
        body = event if isinstance(event, bytes) else msgspec.json.encode(event)
        fault = self._verifier.fault_of(body)
        if fault is not None:
            self.refusals[fault[0]] += 1
            return False
        try:
            said = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.refusals["no_event"] += 1
            return False
        before = self.standings.get(said.model)
        if before is not None and said.revision <= before.revision:
            return False
        now = self.standings[said.model] = _after(before, said)
        return before is None or _orders(before) != _orders(now)

    def pin(self, model: str) -> str | None:
        """Return the version that all traffic of a model must go to, None if any may get some."""
        standing = self.standings.get(model)
        return None if standing is None else standing.pin

    def killed(self, model: str) -> tuple[str, ...]:
        """Return the versions of a model that must get no traffic."""
        standing = self.standings.get(model)
        return () if standing is None else standing.killed

    def throttled(self, model: str) -> tuple[str, ...]:
        """Return the versions of a model that must get less traffic."""
        standing = self.standings.get(model)
        return () if standing is None else standing.throttled

    def barred(self, model: str) -> tuple[str, ...]:
        """Return the versions of a model that were withdrawn, and must get no traffic."""
        standing = self.standings.get(model)
        return () if standing is None else standing.barred

    def allows(self, model: str, version: str) -> bool:
        """Tell whether a version may get traffic at all."""
        excluded = (*self.killed(model), *self.barred(model))
        return self.pin(model) in (None, version) and version not in excluded

    def dump(self) -> bytes:
        """Return the table as JSON, to be kept over a restart."""
        return msgspec.json.encode(self.standings)

    @classmethod
    def load(cls, text: bytes, verifier: Verifier | None = None) -> "PinTable":
        """Return the table that was dumped; msgspec.DecodeError if `text` is not one."""
        return cls(msgspec.json.decode(text, type=dict[str, Standing]), verifier)


def _after(before: Standing | None, said: _Said) -> Standing:
    return Standing(
        revision=said.revision,
        event=said.id,
        type=said.type,
        ts=said.ts,
        pin=said.pin or (None if before is None or _lifts(said, before.pin) else before.pin),
        killed=_changed(() if before is None else before.killed, said, "kill"),
        throttled=_changed(() if before is None else before.throttled, said, "throttle"),
        barred=_barred(() if before is None else before.barred, said),
    )


def _lifts(said: _Said, pin: str | None) -> bool:
    """Tell whether a pin ends that an event does not name: also if the event withdraws that very version."""
    return _frees(said) or pin in said.barred or (said.lifts is None and said.type == "kill")


def _frees(said: _Said) -> bool:
    """Tell whether the version that an event is about may serve again."""
    if said.lifts is not None:
        return said.lifts
    # An older worker said so by type, and of commands by an alert whose rule is the command's name.
    return said.type == "promote" or (said.rule in ("override", "release") and said.state == "firing")


def _barred(versions: tuple[str, ...], said: _Said) -> tuple[str, ...]:
    """Return the versions that are barred after an event: those before it, too, which a new worker does not know."""
    freed = {said.pin, said.version} if _frees(said) else {said.pin}
    kept = [version for version in versions if version not in freed and version not in said.barred]
    return (*kept, *(version for version in said.barred if version != said.pin))[-VERSIONS_MAX:]


def _changed(versions: tuple[str, ...], said: _Said, kind: str) -> tuple[str, ...]:
    """Return the versions that are killed, or throttled, after an event."""
    others = tuple(version for version in versions if version != said.version)
    if said.type == kind and said.state == "firing":
        return (*others, said.version)[-VERSIONS_MAX:]
    # A version that was rolled back gets no traffic to be throttled.
    if _frees(said) or said.type == kind or (said.type == "rollback" and kind == "throttle"):
        versions = others
    # What traffic must go to cannot be forbidden it.
    return tuple(version for version in versions if version != said.pin)


def _orders(standing: Standing) -> tuple[object, ...]:
    return standing.pin, standing.killed, standing.throttled, standing.barred
