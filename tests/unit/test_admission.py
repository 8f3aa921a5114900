"""Places of names that have them already are noted apart: homes, and what is kept, are those of the limits alone."""

from random import Random

import numpy as np
import pytest

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.window.admission import FEW, Admission
from operators.window.admitted import HALF_MS
from operators.window.leaf_index import LeafIndex, LeafSeries
from operators.window.limits import Limits
from operators.window.partial import Partial
from operators.wire.commands import Release
from tests.policies import base, sli

PANES = 600
BEGIN = 176_000_040  # The first pane of ten minutes.


def policy() -> Policy:
    limits = {"models_max": 1, "versions_max": 4, "series_max": 9}
    return parse(base("region", measures=["latency_ms"], limits=limits) + sli("ok", "no_error"))


def partial(counts: dict[LeafSeries, int], leaves: LeafIndex) -> Partial:
    rows, slis = len(counts), (len(counts), 1, 3)
    pairs, none = np.zeros((0, 2), np.int64), np.zeros(rows, np.int64)
    return Partial(
        series=leaves.numbered(list(counts)),
        error_types=(),
        which=np.arange(rows),
        pane=none,
        late=none,
        events=np.array(list(counts.values()), np.int64),
        slis=np.zeros(slis, np.int64),
        sums=np.zeros(slis, np.int64),
        extremes=np.zeros((rows, 1, 2)),
        outcomes=np.zeros((0, 3), np.int64),
        cells=pairs,
        bins=0,
        features=pairs,
        moments=np.zeros((rows, 0, 5), np.int64),
        ranges=np.zeros((rows, 0, 2)),
    )


def traffic(random: Random, pane: int, few: float) -> dict[LeafSeries, int]:
    """Two or three busy models, and names that come for a while; feedback alone is a series without events."""
    known = [("a", version, region) for version in ("v1", "v2", "v3") for region in ("eu", "us", "ca")]
    known += [("b", "v1", region) for region in ("eu", "us")] if pane % 200 < 150 else [("c", "v9", "eu")]
    if random.random() < 0.1:
        known.append((random.choice("abd"), f"v{random.randrange(9)}", random.choice(("eu", "us", "made-up"))))
    if random.random() < few:
        known = random.sample(known, random.randrange(1, FEW))
    return {
        LeafSeries(model, version, (region,)): random.choice((0, 1, 5, random.randrange(200)))
        for model, version, region in known
    }


@pytest.mark.parametrize("few", [0.1, 0.9])
def test_what_is_noted_comes_to_what_limits_would_keep(few: float) -> None:
    random, own = Random(3), policy()
    lazy, every = Limits(), Limits()
    admission, leaves = Admission(lazy), LeafIndex()
    moved = 0
    for number in range(PANES):
        pane = BEGIN + number
        if random.random() < 0.02:
            leaves = LeafIndex()
        if random.random() < 0.02:
            due = [Release(id=f"{number}", ts=pane, model="a", candidate=f"v{number % 7}", baseline="v1")]
            lazy.declare(due, own)
            every.declare(due, own)
        whole = partial(traffic(random, number, few), leaves)
        homes, folded = admission.fold(whole, 0, pane, own)
        assert (homes, folded) == every.fold(whole, 0, pane, own)[:2], number
        moved += bool(homes)
        if random.random() < 0.02:
            admission.settle()
            assert lazy == every, number
    admission.settle()
    assert lazy == every
    assert PANES * own.pane_ms > 5 * HALF_MS
    assert 5 < moved < PANES / 2


def test_limits_are_not_asked_where_all_have_places() -> None:
    own, limits, leaves = policy(), Limits(), LeafIndex()
    admission = Admission(limits)
    names = {LeafSeries("a", "v1", (f"{number}",)): 3 for number in range(9)}
    for number in range(2):
        admission.fold(partial(names, leaves), 0, BEGIN + number, own)
    assert limits.models.weights[""] == {("a",): 27}  # Of the first pane alone.
    admission.settle()
    assert limits.models.weights[""] == {("a",): 54}
    assert limits.series.last["a"] == dict.fromkeys(names, BEGIN + 1)


def test_where_there_is_room_only_new_names_are_taken_to_the_limits() -> None:
    own, limits, leaves = policy(), Limits(), LeafIndex()
    admission = Admission(limits)
    names = {LeafSeries("a", f"v{number % 3}", (f"{number}",)): 3 for number in range(9)}
    few = dict(list(names.items())[:8])
    admission.fold(partial(few, leaves), 0, BEGIN, own)
    assert len(few) < FEW + 1
    for number in range(2):
        admission.fold(partial(few | names, leaves), 0, BEGIN + number, own)
    assert limits.series.last["a"] == dict.fromkeys(names, BEGIN)
    assert limits.series.weights["a"] == dict.fromkeys(names, 3)
    admission.settle()
    assert limits.series.weights["a"] == dict.fromkeys(few, 9) | dict.fromkeys(names.keys() - few.keys(), 6)


def test_limits_do_not_look_at_all_names_for_a_pane_of_few_that_have_places(monkeypatch: pytest.MonkeyPatch) -> None:
    own, limits, leaves = policy(), Limits(), LeafIndex()
    admission = Admission(limits)
    whole = partial({LeafSeries("a", "v1", (region,)): 3 for region in ("eu", "us")}, leaves)
    admission.fold(whole, 0, BEGIN, own)
    monkeypatch.delattr(Limits, "fold")
    assert admission.fold(whole, 0, BEGIN + 1, own) == ({}, [])
    assert limits.series.last["a"] == dict.fromkeys(whole.series, BEGIN + 1)
    assert limits.models.weights[""] == {("a",): 12}
