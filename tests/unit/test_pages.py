"""A page that can be acted on: what a rollback says beside its proof, from real events through ingest to the judge."""

from typing import Any

import numpy as np
import pytest

from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from operators.release.sentence import sentence
from operators.wire.control import ControlEvent
from tests.drifting import BASE, START_MS, H, Item, M, Run, event, policy_of
from tests.releasing import BAD_NEWS, OLD, Story

RNG = np.random.default_rng(7)
PROFILE = {"features.https": RNG.random(2_000).tolist(), "features.size": RNG.random(2_000).tolist()}
RULES = (
    '[[monitor]]\nname = "inputs"\nkind = "contract"\nwindow = "1m"\nslices = ["*", "region"]\n'
    '[[rule]]\nname = "drifted"\nkind = "drift"\nslices = ["*", "region"]\n'
    '[[rule]]\nname = "canary"\nkind = "canary"\nslis = ["ok"]\naction = "rollback"\nblip = "0s"\n'
    'slices = ["*", "region"]\n'
)
BEGAN = START_MS + 20 * M  # The release.
BROKE = BEGAN + 4 * M


def story(**more: Any) -> list[Item]:
    """v2 gets half of the traffic; four minutes later its input in eu has another scale, and three later it fails."""
    rng, items = np.random.default_rng(1), []
    for number in range(30 * 600):
        ts = START_MS + number * 100
        new, region = ts >= BEGAN and number % 2 == 1, ("eu", "us", "us")[number % 3]
        broken = new and region == "eu" and ts >= BROKE
        https = float(rng.random()) * (100 if broken else 1)
        error = ("timeout", "500")[number % 7 == 0] if broken and ts >= BROKE + 3 * M and number % 5 else None
        # Both versions have the other feature wrong.
        features = {"https": https, "size": 1_000 * float(rng.random())}
        made = {"prompt_version": "p2" if new else "p1", "endpoint": "a", "team": "t"}
        items.append(
            event(ts, "v2" if new else "v1", region=region, features=features, error_type=error, **(made | more))
        )
    return items


def said(run: Run) -> list[ControlEvent]:
    return [control for each in run.judged for control in each.events]


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(policy_of(RULES, PROFILE), story())


@pytest.fixture(scope="module")
def rollback(run: Run) -> ControlEvent:
    return next(each for each in said(run) if each.type == "rollback")


def test_what_was_found_on_the_candidate_alone_is_named_the_earliest_first(rollback: ControlEvent) -> None:
    """Not what both have: the other feature has been wrong from the start."""
    (first, *more) = rollback.findings
    assert (first.field, first.slice, first.since) == ("features.https", "region=eu", BROKE)
    assert first.words == "features.https is 100 times as large as in the reference"
    assert all(each.field != "features.size" for each in more)
    assert len(first.requests) == 5


def test_the_finding_is_told_a_minute_after_the_defect(run: Run) -> None:
    alerts = [each for each in said(run) if each.rule == "drifted" and each.version == "v2" and each.ts > BROKE]
    assert alerts[0].ts <= BROKE + 2 * M
    assert alerts[0].slices[0].slice == "region=eu"
    assert "features.https is 100 times as large" in alerts[0].sentence
    assert alerts[0].requests


def test_failing_requests_are_of_the_version_and_the_worst_slice(rollback: ControlEvent) -> None:
    failing = {each["request_id"] for each in story() if each["error_type"] and each["slices"]["region"] == "eu"}
    assert rollback.slices[0].slice in ("*", "region=eu")
    assert 0 < len(rollback.requests) <= 5
    assert set(rollback.requests) <= failing


def test_error_types_are_those_of_the_failing_requests(rollback: ControlEvent) -> None:
    assert [each.name for each in rollback.error_types] == ["timeout", "500"]
    assert rollback.error_types[0].n > rollback.error_types[1].n > 0
    assert rollback.error_types[0].baseline == 0


def test_what_requests_say_is_compared_where_no_command_says_it(rollback: ControlEvent) -> None:
    assert rollback.diff == {"prompt_version": ("p1", "p2")}
    released = {"id": "c", "ts": BEGAN, "type": "release", "model": "m", "candidate": "v2", "baseline": "v1"}
    metadata = {"candidate": {"weights": "b"}, "baseline": {"weights": "a"}}
    run = Run(policy_of(RULES, PROFILE), story(), commands=[released | {"metadata": metadata}])
    assert next(each for each in said(run) if each.type == "rollback").diff == {"weights": ("a", "b")}


def test_the_sentence_says_who_what_where_how_sure_since_and_what_was_done(rollback: ControlEvent) -> None:
    text = rollback.sentence
    for part in (
        "Version v2 of model m is rolled back: all its traffic goes to v1, by rule canary",
        ", in region=eu (",
        " with v1, ",
        ", by chance 1 in ",
        "; since 2025-10-16 00:2",
        "; found on it alone: features.https is 100 times as large as in the reference in region=eu, "
        "2025-10-16 00:24:00Z",
        "failing with timeout (",
    ):
        assert part in text, text
    assert text.endswith(".")
    assert len(text) <= 900


def test_the_same_is_said_in_any_batches_and_through_restarts(run: Run) -> None:
    small = Run(policy_of(RULES, PROFILE), story(), batch=777, restart=True)
    assert said(small) == said(run)


def test_every_event_has_a_sentence_and_a_page() -> None:
    played = Story().settled()
    played.until("rollback", BAD_NEWS)
    played.until("recovered", OLD)
    played.until("rollback", {"v1": (99, 1), "v2": (20, 0)})
    types = {each.type for each in played.told}
    assert {"rollback", "rollback_applied", "recovered"} <= types
    for each in played.told:
        assert each.sentence == sentence(each)
        assert each.runbook == "infra/runbooks/rollback.md"


def test_pages_are_where_the_policy_says() -> None:
    based = 'runbook_base = "https://wiki/rollguard/"\n' + BASE + RULES.split('[[rule]]\nname = "drifted"', 1)[0]
    policy = parse(based.split("[[monitor]]", 1)[0] + "[[rule]]" + RULES.rpartition("[[rule]]")[2])
    runbooks = {each.runbook for each in said(Run(policy, story()))}
    assert all(each.startswith("https://wiki/rollguard/") for each in runbooks)
    assert runbooks
    with pytest.raises(PolicyError, match="runbook_base"):
        parse('runbook_base = "two words"\n' + BASE)


def test_a_rule_may_have_a_page_of_its_own() -> None:
    own = RULES.replace('kind = "drift"\n', 'kind = "drift"\nrunbook = "https://own"\n')
    events = said(Run(policy_of("\n" + own, PROFILE), story()))
    assert {each.runbook for each in events if each.rule == "drifted" and each.type == "alert"} == {"https://own"}


def test_what_else_moved_is_said() -> None:
    """Ten times the traffic, and a region that only the new version serves."""
    items = [each for each in story() if each["ts"] < BEGAN or each["ts"] % 100 == 0]
    thin = [each for number, each in enumerate(items) if each["ts"] >= BEGAN or number % 10 == 0]
    more = [event(BEGAN + number * 500, "v2", region="ap", features=None) for number in range(600)]
    rollback = next(each for each in said(Run(policy_of(RULES, PROFILE), [*thin, *more])) if each.type == "rollback")
    assert "region=ap is served by v2 alone, so it is not compared" in rollback.moved
    assert any(text.startswith("requests to the model are ") for text in rollback.moved), rollback.moved


def test_nothing_is_kept_of_versions_that_are_known_no_longer() -> None:
    short = policy_of(RULES + '[release]\nknown = "1h"\n', PROFILE)
    later = [event(START_MS + 3 * H + number * 1_000, "v9", error_type="500") for number in range(60)]
    run = Run(short, [*story(), *later])
    assert set(run.judge.state.models["m"].lately) == {"v9"}
