"""What ingest counts of watched fields, against the same counted value by value in plain Python."""

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from operators.ingest.partition import Partition
from operators.ingest.sampling import places
from operators.policy.monitors import Sampling, Watched
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.profiles.binning import bins_of
from operators.profiles.embedding import nearest
from operators.window.merging import merge
from operators.window.partial import Z_MAX, Partial, feature_rows
from operators.window.sums import LIMB_BITS
from tests.dataflows.making import POLICY, received
from tests.monitored import FILES, MONITORS

START_MS = 1_760_000_000_000
RULES = parse(POLICY + MONITORS, FILES)
ODD: list[Any] = [None, "visa", "amex", "gone", "1", 1, 0.0, -0.0, 2.5, 100, -7, 1e300, "", 3]


def item(random: Random, number: int) -> dict[str, Any]:
    return {
        "request_id": f"r{number}",
        "ts": START_MS + number * 37 % 25_000,
        "model": random.choice(["m0", "m1"]),
        "version": random.choice(["v1", "v2"]),
        "slices": {"region": random.choice(["eu", "us"])},
    }


def event(random: Random, number: int) -> dict[str, Any]:
    """An event of which every watched field may be missing or odd."""
    features = random.choice([None, {}, {"amount": random.choice(ODD)}, dict.fromkeys(("amount", "card"), 1.0)])
    if features:
        features = features | {"card": random.choice(ODD)}
    return item(random, number) | {
        "features": features,
        "prediction": random.choice(ODD),
        "score": random.choice([None, 0.3, 0.25, 1]),
        "error_type": random.choice([None, None, "timeout"]),
        "latency_ms": random.choice([None, 0, 150, 250]),
        "flags": random.choice([None, [], ["refused"], ["toxic"]]),
        "embedding": random.choice([None, [], [0.9, 0.1], [0, 3], [1, 2, 3], "x", [1, "y"]]),
    }


def feedback(random: Random, number: int) -> dict[str, Any]:
    value = random.choice([None, True, False, "yes", "no", 1, 4.5, "1"])
    return item(random, number) | {"kind": random.choice(["judge", "label", "thumbs"]), "value": value}


def taken(rules: Policy, stream: Any, items: Sequence[dict[str, Any]], batch: int = 10_000) -> list[Partial]:
    """What a partition makes of items in batches."""
    return [partial for parts in closing(rules, stream, items, batch).values() for partial in parts]


def closing(rules: Policy, stream: Any, items: Sequence[dict[str, Any]], batch: int) -> dict[int, list[Partial]]:
    """What a partition makes of items in batches, by the pane that it closes with."""
    partition = Partition("p", stream, ("p",), rules)
    parts: dict[int, list[Partial]] = {}
    for first in range(0, len(items), batch):
        messages = [json.dumps(each).encode() for each in items[first : first + batch]]
        took = partition.take(received(messages, first + 1))
        assert not took.rejects
        for _, given in took.inputs:
            for pane, partial in given.partials:
                parts.setdefault(pane, []).append(partial)
    return parts


def value_of(watched: Watched, each: dict[str, Any]) -> Any:
    """The value of a field as a person would read it."""
    kind, _, name = watched.name.partition(".")
    if kind == "feedback":
        return float(each["value"]) if isinstance(each["value"], bool) else each["value"]
    if kind == "features":
        return (each["features"] or {}).get(name)
    if kind == "flags":
        return float(name in (each["flags"] or ()))
    value = each[kind]
    return None if kind == "latency_ms" and value == 0 and each["error_type"] else value


def bin_of(watched: Watched, value: Any) -> int:
    field = watched.field
    assert field is not None
    if watched.centroids is not None:
        if not value:
            return field.missing
        good = isinstance(value, list) and len(value) == 2 and all(isinstance(x, (int, float)) for x in value)
        distances = [
            sum((a - b) ** 2 for a, b in zip(c, value, strict=True)) for c in watched.centroids.centres if good
        ]
        return distances.index(min(distances)) if good else field.unseen
    if value is None:
        return field.missing
    if field.kind == "number":
        return field.unseen if isinstance(value, str) else bisect_right(field.edges, value)
    text = value if isinstance(value, str) else f"{value + 0.0:.15g}"
    return field.categories.index(text) if text in field.categories else field.unseen


def meant(watched: Watched, each: dict[str, Any]) -> bool:
    if watched.model not in (None, each["model"]):
        return False
    return watched.name == f"feedback.{each['kind']}" if "kind" in each else not watched.on_feedback


def expected(rules: Policy, items: Sequence[dict[str, Any]]) -> tuple[dict[Any, int], dict[Any, list[Any]]]:
    bins: Counter[Any] = Counter()
    sums: dict[Any, list[Any]] = {}
    for each in items:
        row = (each["model"], each["version"], each["slices"]["region"], each["ts"] // rules.pane_ms)
        for index, watched in enumerate(rules.watched):
            if not meant(watched, each):
                continue
            value = value_of(watched, each)
            if watched.field is not None:
                bins[row, watched.offset + bin_of(watched, value)] += 1
            if watched.is_number and isinstance(value, (int, float)):
                z = min(max((value - watched.centre) / watched.scale, -Z_MAX), Z_MAX)
                known = sums.setdefault((row, index), [0, 0, 0, -value, value])
                known[0] += 1
                known[1] += round(Fraction(z) * 10**6)
                known[2] += round(Fraction(z) ** 2 * 10**6)
                known[3:] = max(known[3], -value), max(known[4], value)
    return dict(bins), sums


def counted(parts: Sequence[Partial]) -> tuple[dict[Any, int], dict[Any, list[Any]]]:
    part = merge(parts)
    series = [part.series[which] for which in part.which.tolist()]
    rows = [(*name[:2], name.values[0], pane) for name, pane in zip(series, part.pane.tolist(), strict=True)]
    bins: Counter[Any] = Counter()
    for row, bin_, n in zip(*(column.tolist() for column in feature_rows(part)), strict=True):
        bins[rows[row], bin_] += n
    sums: dict[Any, list[Any]] = {}
    for row, name in enumerate(rows):
        for index, (n, hi, lo, hi2, lo2) in enumerate(part.moments[row].tolist()):
            if n:
                limbs = [n, (hi << LIMB_BITS) + lo, (hi2 << LIMB_BITS) + lo2]
                sums[name, index] = [*limbs, *part.ranges[row, index].tolist()]
    return dict(bins), sums


@pytest.mark.parametrize(("stream", "make"), [("events", event), ("feedback", feedback)])
def test_bins_and_sums_are_those_counted_one_by_one(stream: str, make: Any) -> None:
    """Of numbers, categories, flags, latencies, embeddings, of one model alone, and of kinds of feedback."""
    random = Random(20_260_101)
    items = sorted((make(random, number) for number in range(3_000)), key=lambda each: each["ts"])
    bins, sums = expected(RULES, items)
    found, found_sums = counted(taken(RULES, stream, items))
    assert found == bins
    assert found_sums.keys() == sums.keys()
    for key, wanted in sums.items():
        n, total, squares, low, high = found_sums[key]
        assert (n, low, high) == (wanted[0], wanted[3], wanted[4])
        # A half of the last digit may be rounded either way in floats, and z * z has 53 bits.
        assert abs(total - wanted[1]) <= n
        assert squares == pytest.approx(wanted[2], rel=1e-15, abs=n)


def test_nothing_depends_on_where_a_batch_is_cut() -> None:
    random = Random(3)
    items = sorted((event(random, number) for number in range(1_500)), key=lambda each: each["ts"])
    whole, *others = (taken(RULES, "events", items, batch) for batch in (1_500, 400, 7))
    for parts in others:
        assert counted(parts) == counted(whole)
        assert offenders_of(parts) == offenders_of(whole)


def test_late_offenders_go_with_the_pane_that_they_close_with() -> None:
    """Of one pane, but late by more or less: the first of each closing pane are kept, not of a batch."""
    random = Random(6)
    times = [START_MS + number * 30 - random.choice([0, 0, 9_000, 19_000]) for number in range(1_500)]
    items = [event(random, number) | {"ts": ts} for number, ts in enumerate(times)]
    whole, *others = (closing(RULES, "events", items, batch) for batch in (1_500, 300, 11))
    assert len(whole) > 1
    for parts in others:
        assert {pane: offenders_of(each) for pane, each in parts.items()} == {
            pane: offenders_of(each) for pane, each in whole.items()
        }


def offenders_of(parts: Sequence[Partial]) -> set[Any]:
    part = merge(parts)
    names = [part.series[which] for which in part.which.tolist()]
    return {(names[row].model, names[row].version, int(part.pane[row]), each) for row, each in part.offenders}


def test_the_first_offenders_are_kept_with_their_requests() -> None:
    random = Random(4)
    items = sorted((event(random, number) for number in range(3_000)), key=lambda each: each["ts"])
    found = offenders_of(taken(RULES, "events", items))
    wanted: dict[Any, list[Any]] = {}
    for each in items:
        for index, watched in enumerate(RULES.watched):
            if watched.contract and meant(watched, each):
                value = value_of(watched, each)
                why = why_of(watched, value)
                group = each["model"], each["version"], each["ts"] // RULES.pane_ms, index, why
                if why:
                    wanted.setdefault(group, []).append((each["ts"], each["request_id"]))
    told: dict[Any, list[Any]] = {}
    for model, version, pane, (index, why, time, request, _) in found:
        told.setdefault((model, version, pane, index, why), []).append((time, request))
    assert {group: sorted(requests) for group, requests in told.items()} == {
        group: sorted(requests)[:5] for group, requests in wanted.items()
    }
    ranges = {(each.value, each.why) for *_, each in found if RULES.watched[each.watched].model == "m0"}
    assert ranges >= {("(not kept)", "unseen"), ("", "missing"), ("-7", "range"), ("1e+300", "range")}


def why_of(watched: Watched, value: Any) -> str:
    field = watched.field
    assert field is not None
    bin_ = bin_of(watched, value)
    if bin_ >= field.missing:
        return "missing" if bin_ == field.missing else "unseen"
    return "range" if watched.is_number and not watched.low <= value <= watched.high else ""


def test_a_sample_is_of_requests_and_nests() -> None:
    random = Random(5)
    items = sorted((event(random, number) for number in range(3_000)), key=lambda each: each["ts"])
    rules = parse(POLICY + MONITORS.replace("[drift]\n", "[drift]\nsample = 0.3\nsamples = { m1 = 0.1 }\n"), FILES)
    assert rules.sampling == Sampling(share=0.3, by_model={"m1": 0.1})
    ids = [each["request_id"] for each in items]
    place = dict(zip(ids, places(ids).tolist(), strict=True))
    read = [each for each in items if place[each["request_id"]] < rules.sampling.of(each["model"])]
    assert len(read) == pytest.approx(600, rel=0.15)
    assert counted(taken(rules, "events", items, 700))[0] == expected(rules, read)[0]
    parts = merge(taken(rules, "events", items))
    assert int(parts.events.sum()) == 3_000, "all else is counted of all"


def test_samples_are_even_though_ids_count_up() -> None:
    for ids in ([f"req-{number}" for number in range(20_000)], [f"{number:032x}" for number in range(20_000)]):
        shares = places(ids)
        assert 0 <= shares.min() <= shares.max() < 1
        tenths = Counter((shares * 10).astype(int).tolist())
        assert all(count == pytest.approx(2_000, rel=0.1) for count in tenths.values())
        runs = (shares[:-1] < 0.5) == (shares[1:] < 0.5)
        assert runs.mean() == pytest.approx(0.5, abs=0.02), "neighbours are as strangers"


def test_where_nothing_is_watched_nothing_is_kept() -> None:
    part = merge(taken(parse(POLICY), "events", [event(Random(1), number) for number in range(50)]))
    assert (part.bins, part.features.shape, part.moments.shape[1], part.offenders) == (0, (0, 2), 0, [])


def test_which_cluster_is_nearest_does_not_depend_on_how_many_are_asked() -> None:
    """A product of matrices adds in another order for one row than for many."""
    centroids = next(each.centroids for each in RULES.watched if each.centroids is not None)
    middle = centroids.matrix.mean(axis=0)
    many = middle + [[0.0, 0.0]] * 999
    assert len({*nearest(centroids.matrix, many).tolist(), *nearest(centroids.matrix, many[:1]).tolist()}) == 1


def test_bins_of_a_column_are_those_of_the_reference() -> None:
    """What `rollguard reference` counts and what is counted live are the same."""
    for watched in RULES.watched:
        if watched.field is not None and watched.centroids is None:
            values = [value for value in ODD if not (isinstance(value, str) and watched.field.kind == "number")]
            assert bins_of(watched.field, values).tolist() == [bin_of(watched, value) for value in values]
