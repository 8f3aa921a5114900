"""Series keep their numbers while nothing changes; those of series that are gone are given to others."""

import msgspec
import numpy as np
import pytest

from operators import evaluation as judging
from operators.evaluation import ShardEvaluation
from operators.policy.policy import Policy
from operators.policy.rules import QUANTILES
from operators.window import windows as windowing
from operators.window.leaf_index import LeafIndex, LeafSeries
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.windows import PaneWithWindows, Windows
from tests.releasing import CANARY, START, THRESHOLD, Counts, partial, policy
from tests.saving import again, saved

PANES, REGIONS = 38, 1_200
MANY = partial(
    START, {("v1", f"r{at}"): (9, 1) for at in range(REGIONS)}
)  # No release: it would take most of the time.
REPORTED = REGIONS + 1
MONITOR = '[[monitor]]\nname = "level"\nkind = "adwin"\non = ["sli.ok", "latency_ms"]\nslices = ["*", "region"]\n'
BY_REGION = THRESHOLD + 'slices = ["*", "region"]\n'


def at(pane: int, part: Partial) -> Closed:
    return Closed(pane=pane, on_time=msgspec.structs.replace(part, pane=np.full(part.rows, pane)))


def pushed(judge: ShardEvaluation, windows: Windows, closed: Closed) -> None:
    closed = windows.numbered(closed)
    judge.push(PaneWithWindows(closed=closed, windows=tuple(windows.push(closed))))


@pytest.mark.parametrize(
    "rules",
    [CANARY, BY_REGION, CANARY + BY_REGION, CANARY + MONITOR],
    ids=["canary", "threshold", "both", "monitor"],
)
def test_nothing_is_numbered_anew_while_nothing_changes(rules: str) -> None:
    """Canaries and detectors keep nothing by number: they once had all series numbered anew with every pane."""
    judge, windows = ShardEvaluation(policy(rules)), Windows(policy(rules), tuple(QUANTILES.values()))
    numbers, of_windows, of_monitors = judge.state.roster.slots, windows.slots, judge.monitors.state.slots
    for pane in range(START, START + PANES):
        pushed(judge, windows, at(pane, MANY))
    assert judge.state.roster.slots is numbers
    assert windows.slots is of_windows
    assert len(judge.monitors.state.slots.names) == (REPORTED if MONITOR in rules else 0)
    assert judge.monitors.state.slots is of_monitors
    assert len(numbers.names) == REPORTED
    assert len(of_windows.names) in (0, REPORTED)


@pytest.mark.parametrize(("lasts", "times"), [(360, 5), (2, 8)], ids=["as they are", "anew at every second pane"])
def test_finest_series_are_looked_up_once_a_pane(monkeypatch: pytest.MonkeyPatch, lasts: int, times: int) -> None:
    """Not by windows, rules and monitors each; for a hop of more panes only where they were numbered apart.

    Slots outlive these numbers.
    """
    looked_up: list[LeafSeries] = []
    row = LeafIndex._row

    def counting(index: LeafIndex, name: LeafSeries) -> int:
        looked_up.append(name)
        return row(index, name)

    monkeypatch.setattr(LeafIndex, "_row", counting)
    monkeypatch.setattr(windowing, "LEAVES_PANES", lasts)
    rules = policy(CANARY + BY_REGION + MONITOR)
    judge, windows = ShardEvaluation(rules), Windows(rules, tuple(QUANTILES.values()))
    for pane in range(START, START + 5):
        pushed(judge, windows, at(pane, MANY))
    assert len(looked_up) == MANY.rows * times
    for names in (judge.state.roster.names, judge.monitors.state.slots.names):
        assert len(names) == len({name[:3] for name in names}) > 1


def coming_and_going(rules: Policy, panes: int) -> ShardEvaluation:
    """Each pane has 600 regions of its own."""
    judge, windows = ShardEvaluation(rules), Windows(rules, tuple(QUANTILES.values()))
    for pane in range(START, START + panes):
        counts: Counts = {("v1", f"r{pane}-{number}"): (9, 1) for number in range(600)}
        pushed(judge, windows, at(pane, partial(pane, counts)))
    return judge


def test_series_that_are_gone_give_up_their_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "LATELY", 2)
    judge = coming_and_going(policy(CANARY), 12)
    assert len(judge.state.roster.names) < 7 * 601


def test_where_nothing_is_kept_by_number_no_names_are_saved() -> None:
    judge = coming_and_going(policy(CANARY), 4)
    assert len(judge.state.roster.names) == 4 * 600 + 1
    assert len(saved(judge.state)) < 20_000
    assert len(again(judge.state).roster.names) == 0
    kept = coming_and_going(policy(BY_REGION), 4)
    assert again(kept.state).roster.names == kept.state.roster.names
