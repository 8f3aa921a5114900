"""The served model is as good, and its defect as bad, as its module says; traffic follows from the world alone."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from flows.demo.serve import DEFECT_FEATURE, Classifier, Page, pages, received
from flows.demo.traffic import Traffic
from flows.demo.world import World, draws, pick
from operators.spans import MINUTE_MS
from operators.wire.events import Event, Feedback

START_MS = 1_772_452_800_000  # 2026-03-02 12:00 UTC
SHORT = World(
    start_ms=START_MS,
    length_ms=4 * MINUTE_MS,
    requests=2_000,
    release_ms=MINUTE_MS,
    defect_ms=2 * MINUTE_MS,
    candidate_share=0.5,
    delay_ms_min=5_000,
    delay_ms_max=30_000,
    spoiled_every=500,
)


@pytest.fixture(scope="module")
def asked() -> list[Page]:
    return pages()[1]


@pytest.fixture(scope="module")
def model() -> Classifier:
    return Classifier(pages()[0])


def _right(model: Classifier, asked: list[Page], version: str, region: str) -> float:
    answers = [model.answer(received(page.features, version, region)).prediction for page in asked]
    return sum(answer == page.label for answer, page in zip(answers, asked, strict=True)) / len(asked)


def test_pages_are_split_and_their_features_lie_between_0_and_1() -> None:
    learnt, asked = pages()
    assert (len(learnt), len(asked)) == (700, 550)
    assert {value for page in learnt + asked for value in page.features.values()} == {0.0, 0.5, 1.0}


def test_the_defect_costs_what_the_module_says(model: Classifier, asked: list[Page]) -> None:
    assert _right(model, asked, "v1", "eu") == pytest.approx(0.90, abs=0.005)
    assert _right(model, asked, "v2", "eu") == pytest.approx(0.72, abs=0.005)
    assert _right(model, asked, "v2", "us") == _right(model, asked, "v1", "us") == _right(model, asked, "v1", "eu")


def test_the_spoiled_feature_is_the_second_heaviest(model: Classifier) -> None:
    heaviest = sorted(model.weights, key=lambda name: abs(model.weights[name]), reverse=True)
    assert heaviest[1] == DEFECT_FEATURE


def test_the_defect_leaves_the_page_itself_alone(asked: list[Page]) -> None:
    page = next(page for page in asked if page.features[DEFECT_FEATURE] == 0.5)
    spoiled = received(page.features, "v2", "eu")
    assert spoiled == {**page.features, DEFECT_FEATURE: 50.0}
    assert page.features[DEFECT_FEATURE] == 0.5


def test_an_answer_is_measured_and_at_least_as_sure_as_a_guess(model: Classifier, asked: list[Page]) -> None:
    answer = model.answer(asked[0].features)
    assert answer.latency_ms > 0
    assert 0.5 <= answer.score <= 1


def test_draws_belong_to_a_request() -> None:
    assert draws(7, 1) == draws(7, 1)
    assert len({draws(7, 1), draws(7, 2), draws(8, 1)}) == 3
    means = [sum(column) / 2_000 for column in zip(*(draws(7, number) for number in range(2_000)), strict=True)]
    assert means == pytest.approx([0.5] * 8, abs=0.03)


def test_a_draw_next_to_1_picks_the_last_name() -> None:
    """Shares such as 0.7 and 0.3 may add up to a little less than 1."""
    assert pick({"a": 0.7, "b": 0.2}, 1 - 2**-53) == "b"


@pytest.mark.parametrize(
    "wrong", [{"start_ms": 1}, {"delay_ms_min": 0}, {"release_ms": 60 * MINUTE_MS}, {"defect_ms": 1}]
)
def test_an_impossible_world_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        World(**{"start_ms": START_MS, **wrong})


def _served(world: World) -> tuple[list[bytes], list[bytes]]:
    traffic = Traffic(world)
    events, labels = [], []
    while not traffic.ended:
        events += traffic.serve()
        labels += traffic.labels()
    return events, labels


def test_messages_keep_the_contract_and_the_order_of_time() -> None:
    events, labels = _served(SHORT)
    assert len(events) == SHORT.requests
    spoiled = [index for index, message in enumerate(events) if not message.endswith(b"}}")]
    assert spoiled == [499, 999, 1499, 1999]
    valid = [msgspec.json.decode(message, type=Event) for i, message in enumerate(events) if i not in spoiled]
    judged = [msgspec.json.decode(message, type=Feedback) for message in labels]
    for times in ([event.ts for event in valid], [label.ts for label in judged]):
        assert times == sorted(times)
        assert SHORT.start_ms <= times[0] <= times[-1] < SHORT.end_ms  # type: ignore[operator]
    assert len(judged) == pytest.approx(0.6 * SHORT.requests, rel=0.1)
    assert {event.version for event in valid if event.ts < START_MS + MINUTE_MS} == {"v1"}  # type: ignore[operator]


def test_the_defect_begins_when_the_world_says() -> None:
    events = [msgspec.json.decode(line) for line in _served(SHORT)[0] if line.endswith(b"}}")]
    spoiled = [event for event in events if event["features"][DEFECT_FEATURE] > 1]
    assert {(event["version"], event["slices"]["region"]) for event in spoiled} == {("v2", "eu")}
    assert min(event["ts"] for event in spoiled) >= START_MS + SHORT.defect_ms


def test_a_version_that_is_not_allowed_gets_no_requests() -> None:
    def share(version: str, own: Mapping[str, float]) -> float:
        return own[version] if traffic.now_ms < START_MS + 2 * MINUTE_MS else 0.0

    traffic = Traffic(SHORT, share)
    events = []
    while not traffic.ended:
        events += traffic.serve()
    valid = [msgspec.json.decode(line) for line in events if line.endswith(b"}}")]
    times = [event["ts"] for event in valid if event["version"] == "v2"]
    assert START_MS + MINUTE_MS <= min(times) <= max(times) < START_MS + 2 * MINUTE_MS


def test_two_runs_differ_in_nothing_but_latency() -> None:
    def without_latency(message: bytes) -> Any:
        return msgspec.json.decode(message) | {"latency_ms": None}

    (first, labels), (second, others) = _served(SHORT), _served(SHORT)
    assert labels == others
    both = [pair for pair in zip(first, second, strict=True) if pair[0].endswith(b"}}")]
    assert all(without_latency(one) == without_latency(other) for one, other in both)
