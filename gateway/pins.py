"""The pins of all models, which a gateway learns from the control topic: the versions that its traffic must go to.

The table reads no clock unless it is given one. One thread may take events and dump the table while others ask it.
"""

from collections import Counter
from collections.abc import Mapping

import msgspec

from gateway.routing import shares_of, version_of
from gateway.routing_state import NOTHING, Change, RoutingState, after
from operators.wire.control import ControlEvent
from operators.wire.sealing import Reason, Verifier
from operators.wire.weights import is_whole

_decode = msgspec.json.Decoder(Change).decode


class PinTable:
    """Keeps for each model what the event with the largest revision says; every event has the model's whole pin.

    The revision is the fencing token: an event with the same or a smaller one changes nothing, so events may come
    again, and late events of a worker that was thought dead are not obeyed. One entry per model is kept.

    A pin is lifted, and a version allowed again, only by an event that says so (`lifts`): a worker that has begun anew,
    with an empty recovery folder, knows no pins, and its alerts must not lift an existing one.

    `verifier` says which events to believe; give it the keys of the worker and a clock. `refusals` counts, by reason,
    those that were not believed.
    """

    def __init__(self, states: Mapping[str, RoutingState] | None = None, verifier: Verifier | None = None) -> None:
        self.states: dict[str, RoutingState] = dict(states or {})
        self.refusals: Counter[Reason] = Counter()
        self._verifier = verifier or Verifier()

    @property
    def refused(self) -> int:
        """How many values were not control events, or were not believed."""
        return self.refusals.total()

    def take(self, event: ControlEvent | bytes) -> bool:
        """Take an event, as it is or as a message's value; return whether its model's routing changes.

        >>> table = PinTable()
        >>> event = b'{"id":"a","revision":7,"type":"rollback","ts":0,"model":"m","version":"v2","pin":"v1"}'
        >>> table.take(event), table.pin("m"), table.take(event)
        (True, 'v1', False)
        """
        return self.heed(event) is not None

    def heed(self, event: ControlEvent | bytes) -> str | None:
        """Take an event; return its model if the model's routing changes, else None.

        A value that is not a control event, or is not believed, is counted as refused: a gateway must survive it.
        """
        body = event if isinstance(event, bytes) else msgspec.json.encode(event)
        fault = self._verifier.fault_of(body)
        if fault is not None:
            self.refusals[fault[0]] += 1
            return None
        try:
            change = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.refusals["no_event"] += 1
            return None
        before = self._of(change.model)
        if change.revision <= before.revision:
            return None
        now = self.states[change.model] = after(before, change)
        return change.model if before.orders != now.orders else None

    def pin(self, model: str) -> str | None:
        """Return the version that gets what the others must not have: all traffic unless weights say otherwise."""
        return self._of(model).pin

    def killed(self, model: str) -> tuple[str, ...]:
        """Return the versions of a model that must get no traffic."""
        return self._of(model).killed

    def throttled(self, model: str) -> tuple[str, ...]:
        """Return the versions of a model that must get less traffic."""
        return self._of(model).throttled

    def barred(self, model: str) -> tuple[str, ...]:
        """Return the versions of a model that were withdrawn, and must get no traffic."""
        return self._of(model).barred

    def weights(self, model: str) -> Mapping[str, float]:
        """Return the shares that versions of a model must get, as `operators/wire/weights.py` says."""
        return self._of(model).weights

    def shares(self, model: str, own: Mapping[str, float]) -> dict[str, float]:
        """Return what each version must get, where the gateway itself would split the traffic by the weights `own`.

        Versions that get nothing are left out. Where shares add up to less than 1, no version gets the rest.
        """
        state = self._of(model)
        return shares_of(own, state.weights, state.pin, state.excluded)

    def route(self, model: str, key: str, own: Mapping[str, float]) -> str | None:
        """Return the version that answers a key, such as a user or a request; None if no version may.

        Each version gets its share of the keys, and a key keeps its version for as long as possible.

        >>> PinTable().route("m", "user-1", {"v1": 0.9, "v2": 0.1})
        'v2'
        """
        return version_of(key, model, own, self.shares(model, own))

    def allows(self, model: str, version: str) -> bool:
        """Tell whether a version may get traffic at all."""
        state = self._of(model)
        if version in state.excluded:
            return False
        if not state.weights:
            return state.pin in (None, version)
        default = 0.0 if is_whole(state.weights) else 1.0
        return version == state.pin or state.weights.get(version, default) > 0.0

    def _of(self, model: str) -> RoutingState:
        return self.states.get(model, NOTHING)

    def dump(self) -> bytes:
        """Return the table as JSON, to be kept over a restart."""
        return msgspec.json.encode(self.states)

    @classmethod
    def load(cls, text: bytes, verifier: Verifier | None = None) -> "PinTable":
        """Return the table from its dump; msgspec.DecodeError if `text` is not one."""
        return cls(msgspec.json.decode(text, type=dict[str, RoutingState]), verifier)
