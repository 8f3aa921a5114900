"""Rules and SLIs about slices that are named by their values, and versions with targets of their own."""

import json
from collections.abc import Mapping, Sequence

import pytest

from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.rules.threshold import Threshold, ThresholdEvaluator
from operators.window.merging import merge
from operators.window.series_index import SliceSeries
from tests.dataflows.making import received
from tests.judged import M, Watch, policy, series
from tests.policies import base, refused, sli, table
from tests.releasing import THRESHOLD, Counts, Story

BASE = base("region", "segment", crosses=[["region", "segment"]], tumbling=["1m"], measures=["latency_ms"])
OK = sli("ok", "no_error")


def rule_of(slices: str) -> str:
    return BASE + OK + THRESHOLD + f"slices = {slices}\n"


@pytest.mark.parametrize(
    ("slices", "covered"),
    [
        ('["*", "region=eu"]', ["*", "region=eu"]),
        ('["region=eu", "region=us"]', ["region=eu", "region=us"]),
        ('["region", "segment=pro"]', ["region=eu", "region=us", "region=ap", "segment=pro"]),
        ('["segment=pro,region=eu"]', ["region=eu,segment=pro"]),
        ("['region=a\\,b\\=c\\\\']", ["region=a\\,b\\=c\\\\"]),
    ],
)
def test_a_rule_judges_the_slices_it_names_and_no_others(slices: str, covered: list[str]) -> None:
    made = parse(rule_of(slices))
    evaluator = ThresholdEvaluator(made.rules[0], made)  # type: ignore[arg-type]  # It is one.
    series = [
        ("*", {}),
        *((f"region={name}", {"region": name}) for name in ("eu", "us", "ap")),
        ("region=a\\,b\\=c\\\\", {"region": "a,b=c\\"}),
        *((f"segment={name}", {"segment": name}) for name in ("pro", "free")),
        ("region=eu,segment=pro", {"region": "eu", "segment": "pro"}),
        ("region=eu,segment=free", {"region": "eu", "segment": "free"}),
    ]
    covers = evaluator._series_state._covers
    found = [text for text, dims in series if covers(SliceSeries("m", "v1", text, dims))]
    whole = [*covered, "region=a\\,b\\=c\\\\"] if '"region"' in slices else covered
    assert sorted(found) == sorted(whole)


def test_wrong_slices_are_refused() -> None:
    refused(rule_of('["region=eu", "region"]'), "rule.slo.slices", "is named twice")
    refused(rule_of('["region=eu", "region=eu"]'), "rule.slo.slices", "is named twice")
    report = '[{size = "1m", report = [{slices = ["*", "region=eu"]}]}]'
    refused((BASE + OK).replace('["1m"]', report), "windows.tumbling[0].report[0].slices", "dimensions alone")
    refused(rule_of('["country=de"]'), "rule.slo.slices", "must be one of the reported slices")
    refused(rule_of('["region="]').replace("region=", "=eu"), "rule.slo.slices", "must be one of")
    for slices, says in (
        ('["region"]', "must name values"),
        ('["country=de"]', "must name some of slices.dimensions"),
        ('["region=eu,region=us"]', "each once"),
    ):
        refused(BASE + OK + f"slices = {slices}\n", "sli.ok.slices", says)
    refused(BASE + OK + "places = []\n", "sli.ok.places", "is not a key")
    late = sli("kept", "feedback_absent", kind="abandon", within="1h", slices=["region=eu"])
    refused(BASE + late, "sli.kept.slices", "has no meaning")
    parts = OK + 'slices = ["region=eu"]\n' + sli("fast", "at_most", field="latency_ms", limit=9)
    refused(BASE + parts + sli("all", "all_of", slis=["ok", "fast"]), "sli.all.slis", "must be one of the other SLIs")


def test_an_sli_counts_the_events_and_feedback_of_its_slices_alone() -> None:
    made = parse(
        BASE
        + OK
        + sli("eu", "no_error", slices=["region=eu"])
        + sli("some", "no_error", slices=["region=us,segment=pro", "region=ap"])
        + sli("liked", "at_least", field="feedback.thumbs", limit=1, slices=["region=eu"])
    )
    regions = ["eu", "eu", "us", "us", "ap", None]
    segments = ["pro", "free", "pro", "free", "pro", "pro"]
    context = [
        {"model": "m", "version": "v1", "slices": {"region": region, "segment": segment} if region else None}
        for region, segment in zip(regions, segments, strict=True)
    ]
    events = [{"request_id": f"r{at}", "ts": 1_760_000_000_000, **each} for at, each in enumerate(context)]
    opinions = [{**each, "kind": "thumbs", "value": 1, "id": f"f{at}"} for at, each in enumerate(events)]

    def counted(stream: str, items: Sequence[Mapping[str, object]]) -> dict[tuple[str, ...], list[list[int]]]:
        partition = Partition("log", stream, ("log",), made)  # type: ignore[arg-type]  # One of both.
        parts = [
            part
            for _, sent in partition.take(received([json.dumps(item).encode() for item in items])).inputs
            for _, part in sent.partials
        ]
        whole = merge(parts)
        return {whole.series[which].values: whole.slis[row].tolist() for row, which in enumerate(whole.which)}

    one, none = [1, 0, 0], [0, 0, 0]
    assert counted("events", events) == {
        ("eu", "pro"): [one, one, none, none],
        ("eu", "free"): [one, one, none, none],
        ("us", "pro"): [one, none, one, none],
        ("us", "free"): [one, none, none, none],
        ("ap", "pro"): [one, none, one, none],
        ("", ""): [one, none, none, none],
    }
    liked = {values: counts[3] for values, counts in counted("feedback", opinions).items()}
    assert liked == {values: one if values[0] == "eu" else none for values in liked}
    assert len(liked) == 6


def test_a_version_is_held_to_its_own_target() -> None:
    """92 % good: below 95 %, above the 90 % of v2, and of what is named as v3 is."""
    rule = Threshold(name="slo", sli="ok", target=0.95, targets={"v2": 0.9, "v3-*": 0.5}, window_ms=M)
    for version, target, word in (("v1", 0.95, "BAD"), ("v2", 0.9, "OK"), ("v3-x", 0.5, "OK"), ("v3", 0.95, "BAD")):
        seen = Watch(ThresholdEvaluator(rule, policy()), [series(version)])
        assert seen.of(920, 80, panes=6)[-1:] == [word], version
        assert seen.last.evidence.threshold == target


def test_targets_survive_a_restart_and_new_slots() -> None:
    """80 % good: below 95 %, above the 50 % of v2."""
    rules = THRESHOLD + "targets = { v2 = 0.5 }\n"
    story = Story(rules)
    two: Counts = {"v1": (80, 20), "v2": (80, 20)}
    story.play(two, panes=12)
    story.restart(rules)
    story.play({**two, "v3": (80, 20)}, panes=12)
    said = [(each.series.version, each.word, each.evidence.threshold) for each in story.verdicts]
    assert said == [("v1", "BAD", 0.95), ("v2", "OK", 0.5), ("v3", "BAD", 0.95)]


def test_wrong_targets_are_refused() -> None:
    text = BASE + OK + THRESHOLD
    refused(text + "targets = { v2 = 1.5 }\n", "rule.slo.targets.v2", "1")
    refused(text + 'targets = { v2 = 0.9 }\nscope = "model"\n', "rule.slo.targets", "judged together")
    burn = BASE + OK + table("[rule]", name="slo", kind="burn_rate", sli="ok", target=0.999)
    refused(burn + "targets = { v2 = 0.9 }\n", "rule.slo.targets.v2", "must be above 0.9306")
    refused(burn + 'targets = { v2 = 0.99 }\nscope = "model"\n', "rule.slo.targets", "judged together")
