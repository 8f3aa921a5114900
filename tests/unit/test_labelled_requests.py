"""Requests of some panes are put to the blocks of labels at once, to the same as pane by pane."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from operators.rules.asked_requests import AskedRequests, PaneRequests
from operators.rules.cohorts import Cohorts
from operators.rules.comparison import Comparison
from operators.rules.label_delays import LabelDelays
from operators.rules.labelled import Labelled
from operators.rules.labels import NO_LABELS, Labels
from operators.rules.pane_counts import PaneCounts
from operators.window.label_ages import UNDATED, LabelAges
from operators.window.series_index import SliceSeries, described
from tests.saving import again, saved

REGIONS = ("eu", "us", "asia")
RELEASES = [
    Comparison("m", "v2", "v1", since=0, begins=0),
    Comparison("m", "v3", "v1", since=0, begins=8),
    Comparison("other", "v2", "v1", since=0, begins=27),
]
NAMES = [
    SliceSeries(model, version, *described(("region",), (region,)))
    for model in ("m", "other")
    for version in ("v1", "v2", "v3")
    for region in REGIONS
]
# Not all that is counted is a finest slice of a version.
EVERY = [*NAMES, SliceSeries("m", "v1", "*", {}), SliceSeries("m", "*", *described(("region",), ("eu",)))]
BACKWARDS = EVERY[::-1]


def came(random: np.random.Generator, pane: int) -> Labels:
    """Labels of some series, as old as a dozen panes, and a few that do not say how old they are."""
    size = int(random.integers(1, 30))
    age = np.where(random.random(size) < 0.1, UNDATED, random.integers(0, min(pane, 12) + 1, size))
    lag = np.where(age == UNDATED, 0, age)
    columns = random.integers(0, len(NAMES), size), np.zeros(size, np.int64), random.integers(0, 2, size)
    return Labels.by(NAMES, LabelAges(*columns, lag, age, random.integers(1, 5, size)))


def asked(pane: int, names: Sequence[SliceSeries], random: np.random.Generator) -> PaneRequests:
    """Requests of some series."""
    slots = np.flatnonzero(random.random(len(names)) < 0.7)
    events = random.integers(0, 9, len(slots))
    none = np.zeros((len(slots), 1, 3), np.int64)
    counts = PaneCounts(pane=pane, slots=slots, events=events, slis=none, units=none[:, :, :2])
    return PaneRequests(counts, names, frozenset({"region"}))


def test_requests_are_those_of_each_pane() -> None:
    random, some, known = np.random.default_rng(4), AskedRequests(), dict[tuple[str, str], dict[tuple[str, ...], int]]()
    for pane in range(12):
        each = asked(pane, EVERY if pane % 4 else BACKWARDS, random)
        some.add(each)
        for slot, n in zip(each.counts.slots.tolist(), each.counts.events.tolist(), strict=True):
            name = each.names[slot]
            if n and name.text != "*" and name.version != "*":
                counted, values = known.setdefault(name[:2], {}), tuple(name.dims.values())
                counted[values] = counted.get(values, 0) + n
        if pane in (5, 11):
            assert some.by_version() == known


def played(seed: int, labelled: Labelled, *, at_once: bool) -> list[Any]:
    """What a story of labels and requests comes to after each pane; some panes nobody looks at."""
    random, found, delays = np.random.default_rng(seed), list[Any](), LabelDelays()
    for pane in range(90):
        labels = came(random, pane) if pane % 20 < 12 and random.random() < 0.5 else NO_LABELS
        requests = asked(pane, EVERY if pane < 60 else BACKWARDS, random)
        skipped, restarted = random.random() < 0.15, random.random() < 0.05
        if not skipped:
            live = RELEASES if pane % 30 < 25 else RELEASES[:2]
            found += labelled.take(pane, live, labels, delays, requests)
            delays.add(pane, 10_000, labels)
            labelled = again(labelled) if restarted else labelled
            if not at_once:
                labelled.settle()
        if pane % 7 == 0:
            found.append(saved(labelled))
    return found


@pytest.mark.parametrize("age", [None, 0, 5, 700])
@pytest.mark.parametrize("seed", range(3))
def test_requests_of_some_panes_are_put_to_their_blocks_at_once(seed: int, age: int | None) -> None:
    each = [played(seed, Labelled({0: 0}, 10_000, 6, age), at_once=at_once) for at_once in (True, False)]
    assert each[0] == each[1]


def test_requests_without_labels_are_put_to_their_block_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    added: list[int] = []
    monkeypatch.setattr(Cohorts, "add_requests", lambda self, pane, arm, requests: added.append(pane))
    labelled, random = Labelled({0: 0}, 10_000, 6, None), np.random.default_rng(0)
    for pane in range(18):
        assert not list(labelled.take(pane, RELEASES[:1], NO_LABELS, LabelDelays(), asked(pane, EVERY, random)))
    assert added == [5, 5, 11, 11, 17, 17]
