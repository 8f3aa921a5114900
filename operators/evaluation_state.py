"""What the evaluation of a shard keeps, how it begins, and how it goes on under a policy that may have changed."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, TypeVar, cast

import msgspec

from operators.drift.monitors import MonitorsState
from operators.drift.results import NOTHING, Monitored
from operators.policy.layout import identity_of
from operators.policy.policy import Policy
from operators.policy.rules import Rule
from operators.release.model import Model
from operators.release.narrowed import narrow
from operators.release.other_panes import renumber
from operators.release.widening import reslice, widen
from operators.rules.canary import CanaryEvaluator
from operators.rules.drift import DriftEvaluator
from operators.rules.label_delays import LabelDelays
from operators.rules.pane_counts import Roster
from operators.rules.registry import evaluators_of
from operators.rules.verdict import Evaluator, Verdict
from operators.store.rows import Rows
from operators.window.estimating import score_places
from operators.window.fence import UNKNOWN
from operators.window.pane_lengths import PaneLengths
from operators.window.watermark import NEVER
from operators.window.widening import dimension_places
from operators.wire.commands import Silence
from operators.wire.control import ControlEvent

T = TypeVar("T", Evaluator, CanaryEvaluator, DriftEvaluator)


class _HasRule(Protocol):
    rule: Rule


class PaneOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a closed pane; `rows` are what else is stored of it, ready for its tables."""

    verdicts: Sequence[Verdict]
    events: Sequence[ControlEvent]
    drift: Monitored = NOTHING
    rows: Sequence[Rows] = ()

    @property
    def empty(self) -> bool:
        return not self.verdicts and not self.events and not self.rows and self.drift.empty


class EvaluationState(msgspec.Struct, kw_only=True):
    """All that a restart needs. What an evaluator kept is used only if its rule is the same in the current policy.

    `order` is that of the next closed pane; unknown in what was saved before it was kept. `policy` is the hash of the
    one that was stored last. `aside` are models that another policy file takes, or none, since
    the worker was started.
    """

    pane: int
    roster: Roster
    alone: list[Evaluator]
    releases: list[CanaryEvaluator]
    models: dict[str, Model]
    silences: list[Silence]
    listening: list[DriftEvaluator]
    monitors: MonitorsState
    order: int = UNKNOWN
    delays: LabelDelays = msgspec.field(default_factory=LabelDelays)
    policy: str = ""
    aside: dict[str, Model] = {}

    @property
    def known(self) -> list[Model]:
        """All models of which anything is known."""
        return [*self.models.values(), *self.aside.values()]


def begun(policy: Policy, monitors: MonitorsState) -> EvaluationState:
    """Return the state of a shard that nothing has come to."""
    alone, releases, listening = evaluators_of(policy)
    return EvaluationState(
        pane=NEVER,
        roster=_roster(policy, alone=bool(alone), releases=bool(releases)),
        alone=alone,
        releases=releases,
        models={},
        silences=[],
        listening=listening,
        monitors=monitors,
        order=0,
    )


def gone_over(policy: Policy, new: EvaluationState, saved: EvaluationState, lengths: PaneLengths) -> EvaluationState:
    """Return what was saved as the state that goes on with panes of another length.

    Rules begin anew with the first pane that comes; what is known of models stays.
    """
    _fit_models(policy, saved)
    for known in saved.known:
        renumber(known, lengths)
        narrow(known.alerts, policy, {rule.name for rule in policy.rules})
    saved.delays.renumber(lengths)
    return msgspec.structs.replace(
        new,
        models=saved.models,
        silences=saved.silences,
        order=saved.order,
        delays=saved.delays,
        policy=saved.policy,
        aside=saved.aside,
    )


def gone_on(policy: Policy, new: EvaluationState, saved: EvaluationState, monitors: Collection[str]) -> EvaluationState:
    """Return what was saved as the state that goes on; rules that have changed since begin anew, as in `new`.

    `monitors` are the names of those that go on: a rule that listens to another one begins anew with it.
    """
    before, now = saved.roster.slots.dimensions, policy.dimensions
    kept: dict[bytes, object] = {identity_of(each.rule, before): each for each in saved.alone}
    # Releases are compared at the finest slices: by other dimensions these are others.
    kept |= {identity_of(each.rule, now): each for each in saved.releases if each.dimensions == now}
    listening = [each for each in saved.listening if {*each.rule.monitors} <= {*monitors}]
    kept |= {identity_of(each.rule, before): each for each in listening}
    _fit_models(policy, saved)
    saved.roster.go_on(new.roster)
    # What a rule said before it was changed does not stand.
    names = {rule.name for rule in policy.rules if identity_of(rule, now) in kept}
    for model in saved.models.values():
        for key in [key for key in model.bad if key[0] not in names]:
            del model.bad[key]
        narrow(model.alerts, policy, {rule.name for rule in policy.rules} - names)
    return EvaluationState(
        pane=saved.pane,
        roster=saved.roster,
        alone=[_kept(kept, each, now) for each in new.alone],
        releases=[_kept(kept, each, now) for each in new.releases],
        models=saved.models,
        silences=saved.silences,
        listening=[_kept(kept, each, now) for each in new.listening],
        monitors=new.monitors,
        order=saved.order,
        delays=saved.delays,
        policy=saved.policy,
        aside=saved.aside,
    )


def _fit_models(policy: Policy, saved: EvaluationState) -> None:
    """Let what is known of models have the SLIs and slice dimensions of a policy."""
    before, now = saved.roster.slots.dimensions, policy.dimensions
    for known in saved.known:
        widen(known, len(policy.slis))
        if before != now:
            reslice(known, dimension_places(before, now))


def _roster(policy: Policy, *, alone: bool, releases: bool) -> Roster:
    """Return the slices that rules count, none counted yet. Releases are compared at the finest slices."""
    finest = [tuple(range(len(policy.dimensions)))] if releases else []
    grains = dict.fromkeys([(), *finest, *(grain for rule in policy.rules for grain in rule.grains)])
    producer = policy.releases.producer
    if producer is not None:
        grains |= {(policy.dimensions.index(producer),): None}
    together = dict.fromkeys(grain for rule in policy.rules if rule.scope == "model" for grain in rule.grains)
    roster = Roster(policy.dimensions, tuple(grains), len(policy.slis), tuple(together))
    roster.by_slot = alone
    if any(policy.estimated.intersection(rule.sli_names) for rule in policy.rules):
        roster.scored = score_places(policy)
    return roster


def _kept(kept: Mapping[bytes, object], new: T, dimensions: Sequence[str]) -> T:
    known = kept.get(identity_of(new.rule, dimensions))
    if not isinstance(known, type(new)):
        return new
    if getattr(new, "bounds", None) and not getattr(known, "bounds", None):
        return new  # It was saved before there were bounds of estimates, and has learned nothing of them.
    cast(_HasRule, known).rule = new.rule  # The same, but for the numbers of slice dimensions.
    return known
