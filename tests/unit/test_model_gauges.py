"""What Prometheus is told of models: a release from its first pane to well users, its pin, evidence, ratios, alerts."""

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry

from operators.metrics import METRICS, Metrics
from operators.model_gauges import GAUGES, ModelGauges, ShardGauges
from operators.policy.windows import Window
from operators.release.alerts import Alerts, Firing
from operators.release.event_writer import EventWriter
from operators.release.model import Model
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts
from tests.releasing import BAD_NEWS, OLD, SLOWLY, THRESHOLD, Counts, Story

BOTH: Counts = {"v1": (99, 1), "v2": (20, 0)}


def told(story: Story, shard: ShardGauges, rows: int = 0) -> dict[str, dict[tuple[str, ...], float]]:
    """What is said after all rows of a story from `rows` on."""
    shard.take((), story.rows[rows:])
    shard.tell(story.judge.state.models, story.judge.state.models)
    return {name: dict(values) for name, values in shard.samples.items()}


def test_a_release_is_followed_to_its_end_and_leaves_no_series() -> None:
    story = Story(SLOWLY + THRESHOLD).settled()
    shard = ShardGauges(story.policy)
    assert told(story, shard)["release_info"] == {}
    story.play(BOTH, panes=6)
    rolling = told(story, shard)
    assert rolling["release_info"] == {("m", "v2", "v1", "rolling_out"): 1.0}
    assert rolling["pinned"] == {}
    rollback = story.until("rollback", BAD_NEWS)
    back = told(story, shard)
    assert back["release_info"] == {("m", "v2", "v1", "rolled_back"): 1.0}
    assert back["pinned"] == {("m", "v1"): 1.0}
    key = ("m", "v2", "canary", rollback.evidence.sli)
    assert rollback.evidence.log_e == back["log_e"][key]  # type: ignore[index]
    assert back["log_e"][key] >= back["log_e_needed"][key] > 0  # type: ignore[index]
    assert back["alerts_firing"] == {}
    story.until("recovered", OLD)
    assert told(story, shard)["release_info"] == {("m", "v2", "v1", "recovered"): 1.0}


def test_a_restart_says_where_models_stand_before_anything_comes() -> None:
    story = Story().settled()
    story.until("rollback", BAD_NEWS)
    story.restart()
    shard = ShardGauges(story.policy)
    shard.tell(story.judge.state.models, story.judge.state.models)
    assert shard.samples["pinned"] == {("m", "v1"): 1.0}


def test_ratios_are_of_all_traffic_in_the_window_nearest_to_five_minutes() -> None:
    five, hour = Window(size_ms=300_000, every_ms=10_000), Window(size_ms=3_600_000, every_ms=10_000)
    policy = msgspec.structs.replace(Story().policy, windows=(hour, five))
    shard = ShardGauges(policy)
    names = [SliceSeries("m", "v1", "*", {}), SliceSeries("m", "v1", "region=eu", {"region": "eu"})]
    for window, good in ((five, 9), (hour, 1)):
        slis = np.zeros((2, len(policy.slis), 3), np.int64)
        slis[:, 0] = good, 10 - good, 0
        empty = np.zeros((2, 0, 3), np.int64)
        nothing = np.zeros((2, 0, 2))
        shard.take(
            [
                WindowCounts(
                    window=window, end_ms=0, names=names, events=np.array([10, 10]), slis=slis, sums=empty,
                    extremes=nothing, quantiles=np.zeros((2, 0, 3)),
                )
            ],
            (),
        )  # fmt: skip
    shard.tell({}, ())
    assert shard.samples["sli_ratio"] == {("m", "v1", policy.slis[0].name): 0.9}


def test_names_are_text_whatever_they_are_and_a_dataflow_may_begin_again() -> None:
    assert not GAUGES.keys() & METRICS.keys()
    metrics, story = Metrics(CollectorRegistry()), Story()
    for _ in range(2):
        gauges = ModelGauges(story.policy)
        metrics.show(gauges)
        writer = EventWriter(model='a"b\n{', pin="v1")
        gauges.shard().tell({writer.model: Model(writer=writer, alerts=Alerts())}, [writer.model])
    text = metrics.text().decode()
    assert text.count("rollguard_pinned{") == 1
    assert r'rollguard_pinned{model="a\"b\n{",version="v1"} 1.0' in text
    assert f'policy="{story.policy.hash}"' in text


def test_alerts_are_counted_by_severity() -> None:
    story = Story(THRESHOLD)
    shard = ShardGauges(story.policy)
    story.judge.state.models["m"] = Model(writer=EventWriter(model="m"), alerts=Alerts())
    firing = story.judge.state.models["m"].alerts.firing
    for version in ("v1", "v2"):
        firing["slo", version] = Firing(severities={"*": "ticket", "region=eu": "page"})
    shard.tell(story.judge.state.models, story.judge.state.models)
    assert shard.samples["alerts_firing"] == {("m", "slo", "page"): 2.0}


def test_who_is_told_of_what_moved_alone_says_the_same() -> None:
    story = Story(SLOWLY + THRESHOLD)
    shard, rows = ShardGauges(story.policy), 0
    for counts, panes in ((OLD, 40), (BOTH, 8), (BAD_NEWS, 60), (OLD, 60)):
        for _ in range(panes):
            story.play(counts, panes=1)
            shard.take((), story.rows[rows:])
            rows = len(story.rows)
            shard.tell(story.judge.state.models, story.judge.moved_models())
            every = ShardGauges(story.policy)
            every.take((), story.rows)
            every.tell(story.judge.state.models, story.judge.state.models)
            assert shard.samples == every.samples
    assert shard.samples["release_info"] == {("m", "v2", "v1", "recovered"): 1.0}


def test_a_model_that_is_forgotten_leaves_no_series() -> None:
    shard = ShardGauges(Story().policy)
    model = Model(writer=EventWriter(model="m", pin="v1"), alerts=Alerts())
    shard.tell({"m": model}, ["m"])
    assert shard.samples["pinned"] == {("m", "v1"): 1.0}
    shard.tell({}, ["m"])
    assert shard.samples["pinned"] == {}
