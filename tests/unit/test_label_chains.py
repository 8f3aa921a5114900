"""Labels of the same raters again and again: two people who differ are no proof that two versions do."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.evaluation import ShardEvaluation
from operators.ingest.chains import chains_of, label_chains_of
from operators.ingest.partition import Partition
from operators.rules.label_chains import share_of_labels
from operators.rules.pane_counts import Roster
from operators.rules.recurring import Recurring
from operators.window.merging import merge
from operators.window.pane_items import Closed
from operators.window.partial import Partial
from operators.window.windows import PaneWithWindows
from operators.wire.events import Event, Feedback
from tests.dataflows.making import received
from tests.releasing import CANARY, PANE_MS, RELEASE, START, WELL, partial, policy

RULES = CANARY.replace('slis = ["ok"]', 'slis = ["quality"]').replace(
    "tolerance_points", 'maturity = "10s"\ntolerance_points'
)
POLICY = policy(RULES, RELEASE)
TS = 1_700_000_000_000
Whose = Callable[[str, int, int], dict[str, str]]  # Of a version's n-th label in a pane.


def judged(pane: int, version: str, values: Sequence[int], whose: Whose) -> list[bytes]:
    said: list[dict[str, Any]] = [
        {"request_id": f"{version} {pane} {n}", "ts": pane * PANE_MS + 9_000, "request_ts": pane * PANE_MS,
         "kind": "judge", "value": value, "model": "m", "version": version, "slices": {"region": "eu"},
         **whose(version, pane, n)}
        for n, value in enumerate(values)
    ]  # fmt: skip
    return [json.dumps(each).encode() for each in said]


def labels(pane: int, whose: Whose) -> Partial:
    """Of v1 forty labels, nine in ten of them good; of v2 twenty, of which half are."""
    partition = Partition("log", "feedback", ("log",), POLICY)
    said = judged(pane, "v1", [5] * 36 + [1] * 4, whose) + judged(pane, "v2", [5] * 10 + [1] * 10, whose)
    return merge([part for _, item in partition.take(received(said)).inputs for _, part in item.partials if part.rows])


def nobody(version: str, pane: int, n: int) -> dict[str, str]:
    return {}


def somebody(version: str, pane: int, n: int) -> dict[str, str]:
    return {"user_id": f"{version} {pane} {n}"}


def rater(version: str, pane: int, n: int) -> dict[str, str]:
    """Each version has two of its own."""
    return {"user_id": f"{version} {n % 2}"}


def by_tester(version: str, pane: int, n: int) -> dict[str, str]:
    """The candidate has two, the baseline everybody else."""
    return rater(version, pane, n) if version == "v2" else somebody(version, pane, n)


def in_sessions(version: str, pane: int, n: int) -> dict[str, str]:
    return {"session_id": f"{version} {n % 2}"}


@pytest.mark.parametrize(("whose", "said"), [(nobody, 1), (somebody, 1), (rater, 0), (by_tester, 0), (in_sessions, 0)])
def test_few_raters_roll_back_nothing_and_many_do(whose: Whose, said: int) -> None:
    judge, events = ShardEvaluation(POLICY), []
    for pane in range(START, START + 90):
        served = {"v1": WELL, "v2": WELL} if pane >= START + 60 else {"v1": WELL}
        part = partial(pane, served)  # type: ignore[arg-type]
        both = [part, labels(pane, whose)] if pane >= START + 60 else [part]
        done = judge.push(PaneWithWindows(closed=Closed(pane=pane, on_time=merge(both)), windows=()))
        events += [event.type for each in done for event in each.events]
    assert events.count("rollback") == said


def test_of_raters_who_come_again_ever_fewer_labels_count() -> None:
    roster = Roster(POLICY.dimensions, ((), (0,)), len(POLICY.slis), ())
    recurring, shares = Recurring(), []
    for pane in range(START, START + 8):
        counts = roster.count(pane, labels(pane, rater))
        shares.append(share_of_labels(recurring, counts.chains, counts.slots, {1: 60})[1])
    assert shares == pytest.approx([4 / 60 / max(pane, 1) for pane in range(8)])


def test_where_some_say_whose_they_are_the_others_count() -> None:
    roster, pane = Roster(POLICY.dimensions, ((), (0,)), len(POLICY.slis), ()), START
    counts = roster.count(pane, labels(pane, lambda version, pane, n: {} if n < 10 else rater(version, pane, n)))
    shares = share_of_labels(Recurring(), counts.chains, counts.slots, {1: 60})
    assert shares == {1: pytest.approx((20 + 4) / 60)}
    assert share_of_labels(Recurring(), counts.chains, counts.slots, {}) == {}
    assert share_of_labels(Recurring(), None, counts.slots, {1: 60}) == {}


def test_labels_are_no_events_of_their_session_and_each_criterion_is_by_itself() -> None:
    asked = [Event(request_id="r", ts=TS, model="m", version="v", session_id="s")]
    given = [
        msgspec.convert({"request_id": "r", "ts": TS, "kind": kind, "name": name, "session_id": "s"}, Feedback)
        for kind, name in (("judge", ""), ("judge", "tone"), ("thumbs", ""), ("judge", ""))
    ]
    names = ([each.request_id for each in asked], [each.attempt for each in asked])
    whose = ([each.session_id for each in asked], [each.user_id for each in asked])
    chains = [*chains_of(*names, *whose)[0].tolist(), *label_chains_of(given)[0].tolist()]
    assert len(set(chains)) == 4
    assert chains[1] == chains[4]
    assert not np.any(label_chains_of([Feedback(request_id="r", ts=TS, kind="judge")]))
