"""Requests that people are shown: which are kept follows from what came, not from how it was cut."""

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.policy_file.toml import parse
from operators.window.merging import merge
from operators.window.packing import pack, unpack
from operators.window.partial import Partial, unwatched
from operators.window.samples import FAILING_MAX, LINEAGE, Sample, first_samples
from tests.dataflows.making import POLICY
from tests.unit.test_feature_columns import START_MS, closing

RULES = parse(POLICY)


def item(random: Random, number: int) -> dict[str, Any]:
    return {
        "request_id": f"r{random.randrange(10_000)}",
        "ts": START_MS + number * 37 % 25_000,
        "model": random.choice(["m0", "m1"]),
        "version": random.choice(["v1", "v2"]),
        "slices": {"region": random.choice(["eu", "us"])},
        "error_type": random.choice([None, "timeout"]),
        "prompt_version": random.choice([None, "p"]),
    }


def of(partials: list[Partial]) -> set[Any]:
    """The samples of a pane, with the model and version that they are of."""
    part = merge(partials)
    return {(*part.series[part.which[row]][:2], int(part.pane[row]), sample) for row, sample in part.samples}


@pytest.mark.parametrize("batch", [1, 13, 500])
def test_the_first_are_kept_however_the_log_is_cut(batch: int) -> None:
    random = Random(1)
    items = [item(random, number) for number in range(1_500)]
    whole = {pane: of(parts) for pane, parts in closing(RULES, "events", items, 10_000).items()}
    assert {pane: of(parts) for pane, parts in closing(RULES, "events", items, batch).items()} == whole
    sli = [sli.name for sli in RULES.slis].index("availability")
    for samples in whole.values():
        for model, version, pane, sample in samples:
            mine = [each for *name, each in samples if name == [model, version, pane] and each.sli == sample.sli]
            assert len(mine) <= (1 if sample.sli == LINEAGE else FAILING_MAX)
    seen = {sample.sli for samples in whole.values() for *_, sample in samples}
    assert {LINEAGE, sli} <= seen


def test_they_are_the_earliest_and_bad() -> None:
    random = Random(2)
    items = [item(random, number) for number in range(400)]
    sli = [sli.name for sli in RULES.slis].index("availability")
    for pane, parts in closing(RULES, "events", items, 10_000).items():
        found = sorted(sample for *name, sample in of(parts) if name[:2] == ["m0", "v1"] and sample.sli == sli)
        bad = sorted(
            (each["ts"], each["request_id"], (each["slices"]["region"],))
            for each in items
            if (each["model"], each["version"], each["ts"] // RULES.pane_ms) == ("m0", "v1", pane)
            and each["error_type"]
        )
        assert [(each.time, each.request_id, each.values[:1]) for each in found] == list(dict.fromkeys(bad))[:5]


def test_they_are_saved_with_open_panes_and_windows_need_none() -> None:
    items = [item(Random(number), number) for number in range(200)]
    (part, *_) = [merge(parts) for parts in closing(RULES, "events", items, 10_000).values()]
    assert part.samples
    assert unpack(pack(part)).samples == part.samples
    assert all(isinstance(sample, Sample) for _, sample in unpack(pack(part)).samples)
    assert unwatched(part).samples == ()


def test_what_a_version_is_made_of_is_shown_once_a_pane() -> None:
    """Once every batch looked at a request of each version anew: with a thousand models that was most of reading."""
    random = Random(3)
    items = [item(random, number) | {"ts": START_MS + 20 * number} for number in range(1_000)]
    shown = [
        (pane, *part.series[part.which[row]][:2])
        for pane, parts in closing(RULES, "events", items, 13).items()
        for part in parts
        for row, sample in part.samples
        if sample.sli == LINEAGE
    ]
    assert len(shown) == len(set(shown)) == 8, "two panes of two models with two versions"


def test_of_what_an_sli_calls_bad_the_first_alone_are_shown_however_small_the_batches() -> None:
    """Once each batch looked at five requests of each version and SLI anew."""
    random = Random(4)
    items = [item(random, number) | {"ts": START_MS + 20 * number} for number in range(1_000)]
    shown = Counter(
        (pane, *part.series[part.which[row]][:2], sample.sli)
        for pane, parts in closing(RULES, "events", items, 13).items()
        for part in parts
        for row, sample in part.samples
        if sample.sli != LINEAGE
    )
    assert len(shown) >= 8
    assert set(shown.values()) == {FAILING_MAX}


def plainly_first(groups: list[int], samples: list[tuple[int, Sample]]) -> list[tuple[int, Sample]]:
    """What `first_samples` returns, group by group."""
    kept: list[tuple[int, Sample]] = []
    for place in {(group, sample.sli) for group, (_, sample) in zip(groups, samples, strict=True)}:
        some = [found for group, found in zip(groups, samples, strict=True) if (group, found[1].sli) == place]
        distinct = {sample: min(row for row, each in some if each == sample) for _, sample in some}
        ordered = sorted(distinct, key=lambda sample: sample[1:])
        kept += [(distinct[sample], sample) for sample in ordered[: 1 if place[1] == LINEAGE else FAILING_MAX]]
    return sorted(kept)


@given(
    st.lists(
        st.builds(
            lambda row, sli, time, name, region: (row, Sample(sli, time, name, (region,))),
            st.integers(0, 7),
            st.sampled_from([LINEAGE, 0, 3]),
            st.integers(0, 6),
            st.sampled_from("abc"),
            st.sampled_from("xy"),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_of_requests_of_one_time_the_first_by_what_they_say_are_kept_once(samples: list[tuple[int, Sample]]) -> None:
    groups = [row // 3 for row, _ in samples]  # Rows of slices of a version.
    assert first_samples(np.array(groups), samples) == plainly_first(groups, samples)
