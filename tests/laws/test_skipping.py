"""Quiet panes that are left out, or stepped by rules alone, say what they would if all were gone through in full."""

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from operators.evaluation import ShardEvaluation
from operators.evaluation_state import EvaluationState
from operators.policy.rules import QUANTILES
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from operators.window.pane_items import Closed
from operators.window.sliding import WindowCounts
from operators.window.waiting_commands import Due
from operators.window.windows import PaneWithWindows, Windows
from operators.wire.commands import Silence
from tests.dataflows.running import expand
from tests.policies import base, sli, table
from tests.releasing import CANARY, RELEASE, START, partial, release

# Shorter than in life, so that all of it happens within a hundred panes.
RULES = (
    {"name": "slo", "kind": "threshold", "sli": "ok", "target": 0.9, "window": "2m", "for": "1m"},
    {"name": "budget", "kind": "burn_rate", "sli": "ok", "target": 0.95, "period": "2h"},
    {"name": "few", "kind": "measure", "measure": "latency_ms", "statistic": "per_1k", "at_least": 1, "n_min": 30},
    {"name": "gone", "kind": "absence", "after": "3m"},
)
TIERS = [{"share": 0.05, "long": "4m", "short": "1m", "severity": "page"}]
POLICY = parse(
    base("region", tumbling=["1m"], sliding=[("2m", "10s"), ("5m", "1m")], measures=["latency_ms"])
    + sli("ok", "no_error")
    + sli("quality", "at_least", field="feedback.judge", limit=4)
    + table("[rule]", action="alert", slices=["*", "region"], **RULES[0])
    + table("[rule]", action="rollback", slices=["*"], tiers=TIERS, **RULES[1])
    + table("[rule]", action="alert", window="5m", **RULES[2])
    + table("[rule]", **RULES[3])
    + table("[monitor]", name="errors", kind="page_hinkley", on="sli.ok")
    + CANARY
    + RELEASE
)


class EveryPane(ShardEvaluation):
    """Goes through every pane in full while anything is under way, whatever is known of it beforehand."""

    _at_rest = False

    def _still_until(self, windows: Sequence[WindowCounts] = ()) -> int:
        return 0

    def push(self, moved: PaneWithWindows) -> list[Any]:
        for each in self.state.alone:
            vars(each).pop("still", None)
        return super().push(moved)


counted = st.tuples(st.sampled_from([0, 1, 5, 40, 40]), st.sampled_from([0.0, 0.05, 0.6, 1.0]))
served = st.dictionaries(st.sampled_from(["v1", "v1", "v2"]), counted, max_size=2)
commands = st.sampled_from([None, None, None, None, "release", "silence"])
stories = st.lists(
    st.tuples(st.sampled_from([1, 1, 1, 2, 7, 13, 31]), st.sampled_from(["m", "n"]), served, commands),
    min_size=6,
    max_size=12,
)
Stories = list[tuple[int, str, dict[str, tuple[int, float]], str | None]]


def panes(story: Stories) -> dict[int, Closed]:
    """What comes in, pane by pane; the last has nothing but says that none follows."""
    closed, pane = {}, START
    first: Stories = [(1, "m", {"v1": (40, 0.0)}, None)]  # With the first pane the policy is stored.
    for gap, model, versions, command in first + story:
        pane += gap
        bad = {version: (n, round(n * share)) for version, (n, share) in versions.items() if n}
        ok: Any = {version: (n - failed, failed) for version, (n, failed) in bad.items()}
        until = (pane + 20) * POLICY.pane_ms
        due: dict[str, Due] = {
            "release": release(),
            "silence": Silence(id="c3", ts=0, model=model, until=until, by="ann"),
        }
        closed[pane] = Closed(
            pane=pane,
            on_time=partial(pane, ok, model=model) if ok else None,
            commands=() if command is None else (due[command],),
        )
    closed[pane + 30] = Closed(pane=pane + 30, end=True)
    return closed


def outcomes(evaluation: ShardEvaluation, closed: Sequence[Closed], restarts: bool = False) -> list[str]:
    """All that is said of these panes and stored, in order, as text: no number is another one, and NaN is itself."""
    windows, said = Windows(POLICY, tuple(QUANTILES.values())), list[Any]()
    for each in closed:
        for out in evaluation.push(PaneWithWindows(closed=each, windows=tuple(windows.push(each)))):
            said += [*out.verdicts, *out.events, *out.drift.drifts, *(row for rows in out.rows for row in expand(rows))]
        if restarts:
            saved = dumps(evaluation.state, POLICY)
            evaluation = ShardEvaluation(POLICY, loads(saved, EvaluationState, POLICY))
    return [repr(each) for each in said]


@given(story=stories)
@settings(max_examples=max(settings().max_examples // 5, 1))
def test_what_is_left_out_would_have_said_nothing(story: Stories) -> None:
    some = panes(story)
    every = [some.get(pane, Closed(pane=pane)) for pane in range(min(some), max(some) + 1)]
    assert outcomes(ShardEvaluation(POLICY), list(some.values())) == outcomes(EveryPane(POLICY), every)


# A window ends, and comes to a word, in a pane in which nothing came in; then something does.
BETWEEN: Stories = [(6, "m", {"v1": (40, 0.0)}, None), (7, "m", {"v1": (40, 0.0)}, None)]


@given(story=stories)
@example(story=BETWEEN)
@settings(max_examples=max(settings().max_examples // 10, 1))
def test_a_restart_after_each_pane_changes_nothing_that_is_said(story: Stories) -> None:
    some = list(panes(story).values())
    assert outcomes(ShardEvaluation(POLICY), some, restarts=True) == outcomes(ShardEvaluation(POLICY), some)
