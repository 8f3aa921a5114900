"""Day and night are no drift: profiles of a week say what is expected of an hour, and are worth as much as it shows."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from typer.testing import CliRunner

from flows.cli import app
from operators.profiles.merging import merged
from operators.profiles.profile import HOURS, Profile, from_json, to_json
from operators.profiles.seasons import MONDAY, expected
from operators.spans import HOUR_MS
from tests.bench.simulate_seasons import SHOPS, profiles, week
from tests.drifting import START_MS, D, H, Run, event, policy_of


@pytest.mark.parametrize("rate", [30, 200, 1_000])
@pytest.mark.parametrize("shop", SHOPS)
def test_at_most_one_window_of_a_week_alarms(shop: str, rate: int) -> None:
    rng = np.random.default_rng([rate, len(shop)])
    whole, hourly = profiles(rng, SHOPS[shop], rate)
    assert week(rng, hourly, SHOPS[shop], rate).alarm.sum() <= 1
    if rate >= 200 and shop != "flat":
        assert week(rng, whole, SHOPS[shop], rate).alarm.sum() > 100, "as one, most hours are drift"
        assert week(rng, hourly, SHOPS[shop], rate, moved=0.7).alarm.sum() > 150, "a change is seen at every hour"


def test_where_hours_are_alike_they_are_worth_the_whole() -> None:
    whole, hourly = profiles(np.random.default_rng(1), SHOPS["flat"], 200)
    for hour in range(0, HOURS, 5):
        assert expected(hourly, (MONDAY + hour) * HOUR_MS, HOUR_MS) == pytest.approx(np.array(whole.counts))


def test_windows_of_a_day_and_of_a_week() -> None:
    _, hourly = profiles(np.random.default_rng(2), SHOPS["night"], 100)
    days = [expected(hourly, START_MS + day * D, D) for day in range(7)]
    whole = np.array(hourly.counts)
    for day in days:
        assert day / day.sum() == pytest.approx(whole / whole.sum(), abs=0.02)
        assert day.sum() > 3_000
    assert expected(hourly, START_MS, 7 * D) == pytest.approx(whole)


def test_hours_without_values_are_those_of_other_days() -> None:
    """A shop that was closed on a Sunday opens on one."""
    _, hourly = profiles(np.random.default_rng(3), SHOPS["night"], 100)
    assert hourly.hours is not UNSET
    closed = tuple(hour if at < 144 else (0,) * len(hour) for at, hour in enumerate(hourly.hours))
    field = msgspec.structs.replace(hourly, hours=closed)
    sunday, monday = (expected(field, (MONDAY + hour) * HOUR_MS, HOUR_MS) for hour in (147, 3))
    assert sunday / sunday.sum() == pytest.approx(monday / monday.sum(), abs=0.03)


def events_of(days: int, rate: int) -> list[dict[str, object]]:
    rng = np.random.default_rng(days)
    night = [hour % 24 < 6 for hour in range(days * 24)]
    return [
        event(START_MS + hour * H + at * (H // rate), features={"x": float(rng.normal(2.0 * night[hour]))})
        for hour in range(days * 24)
        for at in range(rate)
    ]


def built(folder: Path, days: int, *more: str) -> tuple[Profile, str]:
    (folder / "events.ndjson").write_text("\n".join(map(json.dumps, events_of(days, 20))))
    out = folder / "p.json"
    result = CliRunner().invoke(app, ["reference", "build", str(folder / "events.ndjson"), "--out", str(out), *more])
    assert result.exit_code == 0, result.output
    return from_json(out.read_bytes()), result.output


def test_a_week_of_events_gives_hours_and_psi_compares_with_them(tmp_path: Path) -> None:
    profile, said = built(tmp_path, 7)
    assert "by hour of the week" in said
    assert from_json(to_json(profile)).name == profile.name
    of_x = Profile(fields={"features.x": profile.fields["features.x"]})
    assert [len(hour) for hour in of_x.fields["features.x"].hours or ()] == [12] * HOURS
    monitor = '[[monitor]]\nname = "psi"\nkind = "psi"\non = "features.x"\n'
    items = events_of(1, 60)
    assert not Run(policy_of(monitor, of_x), items).bad
    field = msgspec.structs.replace(of_x.fields["features.x"], hours=UNSET)
    assert len(Run(policy_of(monitor, Profile(fields={"features.x": field})), items).bad) >= 5


def test_less_than_a_week_or_asked_for_has_none(tmp_path: Path) -> None:
    for days, more in ((5, ()), (7, ("--whole",))):
        profile, said = built(tmp_path, days, *more)
        assert "by hour" not in said
        assert profile.fields["features.x"].hours is UNSET
        assert b"hours" not in to_json(profile), "profiles without keep their names"


def test_wrong_hours_are_refused() -> None:
    _, hourly = profiles(np.random.default_rng(4), SHOPS["flat"], 10)
    raw = json.loads(to_json(Profile(fields={"x": hourly})))
    raw["fields"]["x"]["hours"].pop()
    with pytest.raises(ValueError, match="hours need 168 times 12 counts"):
        from_json(json.dumps(raw).encode())


def test_merged_profiles_have_the_hours_of_all_that_have_some() -> None:
    _, hourly = profiles(np.random.default_rng(6), SHOPS["night"], 20)
    one = Profile(fields={"x": hourly})
    both = merged([one, one]).fields["x"]
    assert np.array(both.hours).tolist() == (2 * np.array(hourly.hours)).tolist()
    whole = Profile(fields={"x": msgspec.structs.replace(hourly, hours=UNSET)})
    assert merged([one, whole]).fields["x"].hours == hourly.hours, "an update without hours does not lose them"
    assert merged([whole, whole]).fields["x"].hours is UNSET
