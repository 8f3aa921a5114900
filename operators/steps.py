"""The stateful Bytewax operators of the monitor, keyed by shard: thin wrappers around engine-free classes.

The steps' names and the keys are recovery schema (flows/README.md). Saved state becomes bytes here at once, because the
engine saves it later, when the state may have moved on. A bounded run saves nothing: `recover` is false.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import operator
from bytewax.operators import KeyedStream, StatefulBatchLogic

from operators.connectors.spill import SpillFile
from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState, PaneOutcome
from operators.handing_over import Coming, of_team
from operators.metrics import Metrics
from operators.model_gauges import ModelGauges, ShardGauges
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.recovery import columns_of, dumps, loads, of_file, of_teams, require_shape, team_panes
from operators.rows.panes import leftover_rows, pane_rows, rows_of_stored
from operators.rows.progress import progress_rows, shard_in_rows
from operators.rows.windows import rows_of_windows
from operators.store.rows import Rows
from operators.window.fence import in_order
from operators.window.going_over import PanesOfAnyLength
from operators.window.pane_items import Closed, HoldsEnough, PaneItem, ReplayRequest, ShardInput
from operators.window.pane_lengths import Leftover
from operators.window.recall import PaneReplay, PaneStore, RecalledWindows, WindowProgress, held_now
from operators.window.saved_panes import SavedPanes
from operators.window.saved_teams import SavedTeams
from operators.window.team_panes import TeamItem, TeamPanes
from operators.window.windows import PaneWithWindows
from operators.wire.control import ControlEvent

Logic = StatefulBatchLogic[Any, Any, Any]


class _PanesLogic(StatefulBatchLogic[ShardInput, PaneItem, bytes | None]):
    def __init__(self, panes: PanesOfAnyLength, metrics: Metrics, recover: bool) -> None:
        self._panes = panes
        self._metrics = metrics
        self._recover = recover

    def on_batch(self, values: list[ShardInput]) -> tuple[list[PaneItem], bool]:
        out = [item for value in values for item in self._panes.push(value)]
        for folded in (each for item in out if isinstance(item, Closed) for each in item.folded):
            self._metrics.add("folded", folded.events, folded.kind)
        if out or self._panes.open:  # Most shards never have events: they need no metrics.
            shard = str(values[-1].shard)
            self._metrics.add("open_panes", len(self._panes.open), shard)
            self._metrics.add("watermark_lag_seconds", self._panes.lag_ms / 1000, shard)
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return dumps(self._panes.save(), self._panes.policy) if self._recover else None


class _SlotLogic(StatefulBatchLogic[PaneItem, PaneItem | PaneReplay, bytes]):
    def __init__(self, slot: PaneStore, policy: Policy) -> None:
        self._slot = slot
        self._policy = policy

    def on_batch(self, values: list[PaneItem]) -> tuple[list[PaneItem | PaneReplay], bool]:
        out = [item for value in values if (item := self._slot.push(value)) is not None]
        freed = isinstance(values[-1], HoldsEnough) and self._slot.pane is None
        return out, StatefulBatchLogic.DISCARD if freed else StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes:
        return dumps(self._slot.held, self._policy)


class _WindowsLogic(StatefulBatchLogic[PaneItem | PaneReplay, PaneWithWindows, bytes | None]):
    def __init__(self, windows: RecalledWindows, policy: Policy, recover: bool) -> None:
        self._windows = windows
        self._policy = policy
        self._recover = recover

    def on_batch(self, values: list[PaneItem | PaneReplay]) -> tuple[list[PaneWithWindows], bool]:
        return list(self._windows.push_all(values)), StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return dumps(self._windows.reached, self._policy) if self._recover else None


class _EvaluationLogic(StatefulBatchLogic[PaneWithWindows, PaneOutcome, bytes | None]):
    def __init__(self, evaluation: ShardEvaluation, metrics: Metrics, gauges: ShardGauges, recover: bool) -> None:
        self._evaluation = evaluation
        self._metrics = metrics
        self._gauges = gauges
        gauges.tell(evaluation.state.models, evaluation.moved_models())
        self._recover = recover

    def on_batch(self, values: list[PaneWithWindows]) -> tuple[list[PaneOutcome], bool]:
        out: list[PaneOutcome] = []
        for value in values:
            in_order("judgements", self._evaluation.state.order, value.closed.order)
            came_to = self._evaluation.push(value)
            self._gauges.take(value.windows, (rows for each in came_to for rows in each.rows))
            out += came_to
            self._evaluation.state.order = value.closed.order + 1
        for outcome in out:
            for verdict in outcome.verdicts:
                self._metrics.add("verdicts", 1, verdict.word)
            for event in outcome.events:
                self._metrics.add("control_events", 1, event.type)
            for drift in outcome.drift.drifts:
                if drift.word == "BAD":
                    self._metrics.add("drift", 1, drift.monitor)
        self._gauges.tell(self._evaluation.state.models, self._evaluation.moved_models())
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return dumps(self._evaluation.state, self._evaluation.policy) if self._recover else None


class _TeamPanesLogic(StatefulBatchLogic[ShardInput, TeamItem[PaneItem], bytes | None]):
    def __init__(self, panes: TeamPanes, metrics: Metrics, recover: bool) -> None:
        self._panes = panes
        self._metrics = metrics
        self._recover = recover

    def on_batch(self, values: list[ShardInput]) -> tuple[list[TeamItem[PaneItem]], bool]:
        out = [item for value in values for item in self._panes.push(value)]
        for folded in (each for _, item in out if isinstance(item, Closed) for each in item.folded):
            self._metrics.add("folded", folded.events, folded.kind)
        if out or self._panes.open:
            shard = str(values[-1].shard)
            self._metrics.add("open_panes", self._panes.open, shard)
            self._metrics.add("watermark_lag_seconds", self._panes.lag_ms / 1000, shard)
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        return dumps(self._panes.save(), self._panes.policy) if self._recover else None


class _TeamsLogic(StatefulBatchLogic[TeamItem[Any], TeamItem[Any], bytes | None]):
    """One step with a logic of its own for each policy: `build` makes such a logic from its saved state.

    The saved state of `others`, policies that are gone, is kept: something was decided about their models.
    """

    def __init__(
        self,
        policy: Policy,
        saved: bytes | None,
        build: Callable[[Policy, bytes | None], Logic],
        *,
        others: Collection[str] = (),
    ) -> None:
        self._policy, self._build = policy, build
        kept = of_teams(saved, policy)
        names = {each.team for each in policy.teams}  # The counts of a policy file that was removed go with it.
        self._kept = {name: each for name, each in kept.items() if name in names or name in others}
        self._teams: dict[int, Logic] = {}

    def on_batch(self, values: list[TeamItem[Any]]) -> tuple[list[TeamItem[Any]], bool]:
        out = []
        for team, item in values:
            logic = self._teams.get(team)
            if logic is None:
                policy = self._policy.teams[team]
                with of_file(policy):
                    logic = self._teams[team] = self._build(policy, self._kept.get(policy.team))
            made, _ = logic.on_batch([item])
            out += [TeamItem(team, each) for each in made]
        return out, StatefulBatchLogic.RETAIN

    def snapshot(self) -> bytes | None:
        own = {self._policy.teams[team].team: logic.snapshot() for team, logic in sorted(self._teams.items())}
        kept = {name: each for name, each in {**self._kept, **own}.items() if each is not None}
        return dumps(SavedTeams(teams=kept), self._policy) if kept or own else None


def rows_by(policy: Policy, make: Callable[[Any, Policy], list[Rows]]) -> Callable[[Any], list[Rows]]:
    """Return a function that makes the rows of an item by the policy that it belongs to."""

    def rows(item: Any) -> list[Rows]:
        return make(item.item, policy.teams[item.team]) if isinstance(item, TeamItem) else make(item, policy)

    return rows


@operator
def close_panes(
    step_id: str, up: KeyedStream[ShardInput], policy: Policy, metrics: Metrics, recover: bool, coming: Coming
) -> KeyedStream[PaneItem]:
    """(shard, input) in; (shard, closed pane) out, in order of panes; after a restart first `ReplayRequest`s.

    `coming` has the commands of models that another policy file had.
    """

    def build(saved: bytes | None) -> Logic:
        if policy.teams:
            panes, had = team_panes(saved, policy)
            for each in policy.teams:
                with of_file(each):
                    require_shape({} if panes is None else panes.shapes, each)
            return _TeamPanesLogic(TeamPanes(policy, panes, had, coming.commands), metrics, recover)
        panes_ = loads(saved, SavedPanes, policy)
        return _PanesLogic(PanesOfAnyLength(policy, panes_, columns_of(saved, policy)), metrics, recover)

    return op.stateful_batch("close", up, build)


@operator
def hold_panes(
    step_id: str, up: KeyedStream[PaneItem], policy: Policy, spill: SpillFile | None
) -> KeyedStream[PaneItem | PaneReplay]:
    """(shard, closed pane) in and out, each pane kept under its slot; (shard, PaneReplay) out when asked.

    Panes are kept in `spill`, or in memory.
    """
    # Without windows no held pane is asked for.
    rings = [[max(slots, 1) for slots in each.rings or (each.slots,)] for each in policy.each]

    def to_slot(item: tuple[str, Any]) -> tuple[str, Any]:
        shard, whole = item
        team, value = whole if isinstance(whole, TeamItem) else (0, whole)
        prefix = policy.each[team].slot_prefix
        if isinstance(value, ReplayRequest | HoldsEnough) or (isinstance(value, Closed) and value.on_time is not None):
            later = f"{value.ring}/" if value.ring else ""
            return f"{shard}/{prefix}{later}{value.pane % rings[team][value.ring]}", whole
        return f"{shard}/{prefix}", whole

    def build_one(each: Policy, saved: bytes | None) -> _SlotLogic:
        held = held_now(loads(saved, tuple, each), each, columns_of(saved, each))
        return _SlotLogic(PaneStore(held, None if spill is None else spill.region()), each)

    def build(saved: bytes | None) -> Logic:
        return _TeamsLogic(policy, saved, build_one) if policy.teams else build_one(policy, saved)

    held = op.stateful_batch("hold", op.map("to_slot", up, to_slot), build)
    return op.map("to_shard", held, lambda item: (item[0].partition("/")[0], item[1]))


@operator
def write_panes(step_id: str, up: KeyedStream[PaneItem], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane) in; (shard, rows of the pane tables that do not wait for a pane of the store) out."""

    def rows(item: PaneItem, each: Policy) -> list[Rows]:
        if isinstance(item, Leftover):
            return leftover_rows(item, each)
        return pane_rows(item, each) if isinstance(item, Closed) else []

    return op.flat_map_value("rows", up, rows_by(policy, rows))


@operator
def write_progress(step_id: str, up: KeyedStream[PaneItem], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane) in; (a shard, rows of table progress) out, of all that come together at once."""

    def closed(batch: Sequence[tuple[str, Any]]) -> Iterator[tuple[str, Closed, Policy]]:
        for shard, whole in batch:
            each = policy.teams[whole.team] if isinstance(whole, TeamItem) else policy
            pane = whole.item if isinstance(whole, TeamItem) else whole
            if isinstance(pane, Closed):
                yield shard_in_rows(shard, each), pane, each

    def rows(batch: list[tuple[str, Any]]) -> list[tuple[str, Rows]]:
        return [(batch[0][0], made) for made in progress_rows(closed(batch))]

    return op.flat_map_batch("rows", up, rows)


@operator
def slide_windows(
    step_id: str, up: KeyedStream[PaneItem | PaneReplay], policy: Policy, recover: bool
) -> KeyedStream[PaneWithWindows]:
    """(shard, closed pane) in; (shard, closed pane with the windows that end) out, in order of panes."""

    def build_one(each: Policy, saved: bytes | None) -> _WindowsLogic:
        progress, had = loads(saved, WindowProgress, each), columns_of(saved, each)
        windows = RecalledWindows(each, tuple(QUANTILES.values()), progress, had)
        return _WindowsLogic(windows, each, recover)

    def build(saved: bytes | None) -> Logic:
        return _TeamsLogic(policy, saved, build_one) if policy.teams else build_one(policy, saved)

    return op.stateful_batch("slide", up, build)


@operator
def write_windows(step_id: str, up: KeyedStream[PaneWithWindows], policy: Policy) -> KeyedStream[Rows]:
    """(shard, closed pane with its windows) in; (a shard, rows of the window tables and of panes of the store) out.

    Rows of all shards that come together are made at once: a few rows cost as much as their columns.
    """

    def rows(batch: list[tuple[str, Any]]) -> Iterator[tuple[str, Rows]]:
        by_team: dict[int, list[tuple[str, PaneWithWindows]]] = {}
        for shard, whole in batch:
            team, moved = whole if isinstance(whole, TeamItem) else (0, whole)
            by_team.setdefault(team, []).append((shard, moved))
        for team, some in by_team.items():
            each = policy.teams[team] if policy.teams else policy
            ended = [(counts, moved.closed) for _, moved in some for counts in moved.windows]
            stored = [part for _, moved in some for part in moved.stored]
            left = [made for _, moved in some for part in moved.left for made in leftover_rows(part, each)]
            for made in (*rows_of_windows(ended, each), *left, *rows_of_stored(stored, each)):
                yield some[0][0], made

    return op.flat_map_batch("rows", up, rows)


@operator
def evaluate_shards(
    step_id: str, up: KeyedStream[PaneWithWindows], policy: Policy, metrics: Metrics, recover: bool, coming: Coming
) -> KeyedStream[PaneOutcome]:
    """(shard, closed pane with its windows) in, in order; (shard, verdicts that changed and control events) out.

    `coming` are models that another policy file had.
    """
    gauges = ModelGauges(policy)
    metrics.show(gauges)

    def build_one(each: Policy, saved: bytes | None) -> _EvaluationLogic:
        takes = None if policy.claims is None else of_team(policy, each.team)
        state, had = loads(saved, EvaluationState, each), columns_of(saved, each)
        if state is not None and takes is not None:
            kept = coming.aside.get(each.team, set())
            state.aside = {
                name: model for name, model in state.aside.items() if name in kept or takes(name) is not False
            }
        evaluation = ShardEvaluation(each, state, had, takes, coming.models.get(each.team))
        if state is None:
            rules = {rule.name for rule in each.rules}
            evaluation.state.silences = [one for one in coming.silences if one.rule is None or one.rule in rules]
        return _EvaluationLogic(evaluation, metrics, gauges.shard(each), recover)

    def build(saved: bytes | None) -> Logic:
        return _TeamsLogic(policy, saved, build_one, others=coming.aside) if policy.teams else build_one(policy, saved)

    return op.stateful_batch("decide", up, build)


def events_of(outcome: PaneOutcome | TeamItem[PaneOutcome]) -> Sequence[ControlEvent]:
    """Return the control events of a pane."""
    return outcome.item.events if isinstance(outcome, TeamItem) else outcome.events
