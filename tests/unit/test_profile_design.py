"""A profile of users who each made several events is worth as many as there are users, not events."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from typer.testing import CliRunner

from flows.cli import app
from operators.profiles.build import build, build_like
from operators.profiles.design import with_design
from operators.profiles.merging import merged
from operators.profiles.profile import Field, Profile, from_json, to_json
from operators.profiles.seasons import MONDAY, by_hour, expected
from operators.spans import HOUR_MS
from operators.wire.events import Event
from tests.drifting import START_MS, H, Item, Run, a_monitor_of_each, event, policy_of

MONITORS = a_monitor_of_each()
FIELDS = ("features.x", "features.card")


def first_users(users: int = 60, each: int = 10) -> list[Item]:
    """An hour of few users, by chance 38 of 60 with the one card of two; the first feature is higher than usual."""
    rng = np.random.default_rng(2)
    values = rng.normal(0.3, 1.0, users).tolist()
    return [
        event(
            START_MS - 24 * H + (user * each + at) * 1_000,
            features={"x": values[user], "card": "visa" if user % 60 < 38 else "amex"},
            user_id=f"u{user}",
        )
        for user in range(users)
        for at in range(each)
    ]


def later(hours: int = 8, an_hour: int = 300) -> list[Item]:
    rng = np.random.default_rng(3)
    return [
        event(
            START_MS + at * (H // an_hour),
            features={"x": float(rng.normal()), "card": str(rng.choice(["visa", "amex"]))},
            user_id=f"v{at}",
        )
        for at in range(hours * an_hour)
    ]


def built(folder: Path, items: list[Item]) -> Profile:
    log, out = folder / "e.ndjson", folder / "p.json"
    log.write_text("\n".join(map(json.dumps, items)))
    result = CliRunner().invoke(app, ["reference", "build", str(log), "--out", str(out)])
    assert result.exit_code == 0, result.output
    profile = from_json(out.read_bytes())
    return Profile(fields={name: profile.fields[name] for name in FIELDS})


def with_effect(profile: Profile, design: float | msgspec.UnsetType) -> Profile:
    return Profile(fields={name: msgspec.structs.replace(profile.fields[name], design=design) for name in FIELDS})


def test_few_users_with_many_events_are_no_drift_later(tmp_path: Path) -> None:
    profile = built(tmp_path, first_users())
    assert {field.design for field in profile.fields.values()} == {10.0}
    assert from_json(to_json(profile)) == profile
    assert not Run(policy_of(MONITORS, profile), later()).bad
    as_events = Run(policy_of(MONITORS, with_effect(profile, UNSET)), later()).bad
    assert {drift.monitor for drift in as_events} == {"psi", "lasting", "sigma"}


def test_events_without_users_count_as_they_are(tmp_path: Path) -> None:
    profile = built(tmp_path, [item | {"user_id": None} for item in first_users()])
    assert profile.fields["features.x"].design is UNSET
    assert b"design" not in to_json(profile), "profiles without keep their names"


def test_a_user_of_another_hour_is_another_one() -> None:
    """Two events of a user in one hour, one in the next, one of a session, two of nobody: 1 + 2 pairs of 6."""
    whose = [{"user_id": "u"}, {"user_id": "u"}, {"user_id": "u"}, {"session_id": "u"}, {}, {}]
    at = [0, 1, H, 2, 3, 4]
    items = [event(START_MS + ms, **named) for ms, named in zip(at, whose, strict=True)]
    events = [msgspec.json.decode(json.dumps(item), type=Event) for item in items]
    profile = build({"features.x": [1.0, 2.0], "feedback.judge": [1.0, 2.0]})
    found = with_design(profile, events).fields
    assert found["features.x"].design == pytest.approx(1 + 2 / 6, abs=1e-4)
    assert found["feedback.judge"].design is UNSET


def test_hours_of_few_users_are_alike_by_chance() -> None:
    """Ten events of each user: hours differ by much, but not by more than so few users do."""
    rng = np.random.default_rng(4)
    values = np.repeat(rng.normal(size=168 * 12), 10).tolist()
    hours = np.repeat(np.arange(168), 120)
    columns = {"x": values}
    field = by_hour(build(columns), columns, {"x": hours}).fields["x"]
    assert expected(field, (MONDAY + 3) * HOUR_MS, HOUR_MS).sum() < 0.5 * field.rows
    known = msgspec.structs.replace(field, design=10.0)
    assert expected(known, (MONDAY + 3) * HOUR_MS, HOUR_MS) == pytest.approx(np.array(known.counts, float))


def test_profiles_together_have_the_mean_of_both() -> None:
    one = build({"features.x": [1.0, 2.0, 3.0], "features.card": ["a", "b", "a"]})
    both = merged([with_effect(one, 4.0), one, one]).fields["features.x"]
    assert both.design == 2.0
    assert merged([one, one]).fields["features.x"].design is UNSET
    assert build_like({"features.x": [1.0]}, with_effect(one, 4.0)).fields["features.x"].design is UNSET


def test_a_design_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="design must be at least 1"):
        Field(kind="category", categories=("a",), counts=(1, 0, 0), cardinality=1, design=0.5)
