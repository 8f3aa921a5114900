"""Runs a policy over files, without a store: returns the control events that the monitor would have sent."""

from collections.abc import Sequence

import msgspec

from flows.backtest.outcomes import Covered, each_outcome
from operators.connectors.stop import Stop
from operators.policy.policy import Policy
from operators.sources.input import Input
from operators.wire.control import ControlEvent


class Heard(Covered, kw_only=True):
    """What a policy said, in order, and what the files hold."""

    events: list[ControlEvent]


def heard(inputs: Sequence[Input], policy: Policy, stop: Stop) -> Heard:
    """Return what the monitor says of bounded inputs, as a replay does. Raises whatever stopped it."""
    events: list[ControlEvent] = []
    taken = each_outcome(inputs, policy, stop, lambda _, outcome: events.extend(outcome.events))
    events.sort(key=lambda event: (event.ts, event.model, event.revision))
    return Heard(events=events, **msgspec.structs.asdict(taken))
