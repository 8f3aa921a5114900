"""Hours of the week are those of the shop's clocks: its night does not move when they are changed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec import UNSET
from typer.testing import CliRunner

from flows.cli import app
from operators.drift.change_monitor import Watch
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.detectors.standard import Standardiser
from operators.drift.kept_monitors import identities
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from operators.profiles.local_time import local_ms
from operators.profiles.merging import NotMergeable, merged
from operators.profiles.profile import from_json
from operators.profiles.seasons import expected, hours_covered, hours_of_week
from operators.spans import HOUR_MS
from tests.policies import base, sli

BERLIN = "Europe/Berlin"
CHANGED_MS = 1_774_746_000_000  # Sunday, 2026-03-29, 01:00 in UTC: in Berlin 02:00 is 03:00.
BACK_MS = 1_792_890_000_000  # Sunday, 2026-10-25, 01:00 in UTC: in Berlin 03:00 is 02:00.
DAY_MS = 24 * HOUR_MS


@pytest.mark.parametrize("zone", [BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
def test_offsets_are_those_of_the_system(zone: str) -> None:
    rng = np.random.default_rng(1)
    times = rng.integers(0, 4_000_000_000, 2_000) * 1_000
    times = np.concatenate([times, CHANGED_MS + np.array([-1, 0, 1]) * 1_000, BACK_MS + np.array([-1, 0, 1]) * 1_000])
    offsets = [datetime.fromtimestamp(at / 1_000, UTC).astimezone(ZoneInfo(zone)).utcoffset() for at in times.tolist()]
    known = [int(offset.total_seconds()) for offset in offsets if offset is not None]
    assert ((local_ms(times, zone) - times) // 1_000).tolist() == known


def test_the_hours_around_a_change_of_the_clock() -> None:
    spring = CHANGED_MS + HOUR_MS * np.arange(-2, 3)
    assert (hours_of_week(spring, BERLIN) % 24).tolist() == [0, 1, 3, 4, 5]
    autumn = BACK_MS + HOUR_MS * np.arange(-2, 3)
    assert (hours_of_week(autumn, BERLIN) % 24).tolist() == [1, 2, 2, 3, 4]
    assert [hour % 24 for hour in hours_covered(CHANGED_MS - HOUR_MS, 2 * HOUR_MS, BERLIN)] == [1, 2, 3]


def events(path: Path, start_ms: int) -> Path:
    """A week of a shop in Berlin, where people buy dear things from 8 to 20 alone."""
    rng = np.random.default_rng(2)
    times = start_ms + np.arange(0, 7 * DAY_MS, 60_000)
    day = (local_ms(times, BERLIN) // HOUR_MS % 24 >= 8) & (local_ms(times, BERLIN) // HOUR_MS % 24 < 20)
    amounts = np.where(day, 100.0, 1.0) + rng.random(len(times))
    body = {"model": "m", "version": "v1"}
    path.write_text(
        "\n".join(
            json.dumps(body | {"request_id": f"r{at}", "ts": at, "features": {"amount": amount}})
            for at, amount in zip(times.tolist(), amounts.tolist(), strict=True)
        )
    )
    return path


def built(path: Path, *words: str) -> Path:
    out = path.with_suffix(f".{len(words)}.json")
    result = CliRunner().invoke(app, ["reference", "build", str(path), "--out", str(out), *words])
    assert result.exit_code == 0, result.output
    return out


def test_a_profile_of_winter_says_what_is_expected_of_summer(tmp_path: Path) -> None:
    winter = events(tmp_path / "winter", CHANGED_MS - 20 * DAY_MS)
    local, utc = (from_json(built(winter, *words).read_bytes()) for words in (("--timezone", BERLIN), ()))
    assert utc.fields["features.amount"].timezone is UNSET
    opens = CHANGED_MS + 30 * DAY_MS + 5 * HOUR_MS  # 08:00 in summer, 06:00 in UTC.
    here, there = (each.fields["features.amount"] for each in (local, utc))
    dear = [expected(field, opens, HOUR_MS) for field in (here, there)]
    shares = [counts[len(here.edges) // 2 + 1 : -2].sum() / counts.sum() for counts in dear]
    assert shares[0] > 0.9
    assert shares[1] < 0.5
    with pytest.raises(NotMergeable, match="Europe/Berlin and UTC"):
        merged([local, utc])


def test_a_profile_like_another_has_its_hours(tmp_path: Path) -> None:
    """What is built like a profile is to be added to it."""
    winter = events(tmp_path / "winter", CHANGED_MS - 20 * DAY_MS)
    old = built(winter, "--timezone", BERLIN)
    new, utc = (built(winter, "--like", str(old), *words) for words in ((), ("--timezone", "UTC")))
    one, other, apart = (from_json(path.read_bytes()) for path in (old, new, utc))
    assert merged([one, other]).fields["features.amount"].zone == BERLIN
    assert apart.fields["features.amount"].zone == "UTC"


def test_a_season_learned_in_winter_is_known_in_summer() -> None:
    """With hours of UTC the first hours of the shop are early after the change, for days."""

    def alarms(zone: str) -> int:
        rng = np.random.default_rng(3)
        watch: Watch = Watch(standardiser=Standardiser(learned_from=100), detector=PageHinkleyDetector(), series=None)  # type: ignore[arg-type]
        times = CHANGED_MS - 21 * DAY_MS + np.arange(0, 24 * DAY_MS, 300_000)
        hour = local_ms(times, BERLIN) // HOUR_MS % 24
        values = np.where((hour >= 8) & (hour < 20), 3.0, 0.0) + rng.normal(0, 0.2, len(times))
        off = []
        for at, value in zip(times.tolist(), values.tolist(), strict=True):
            watch.step(value, at, PageHinkleyDetector, (1,), int(local_ms(at, zone)))
            if at >= CHANGED_MS + HOUR_MS and watch.season.on and watch.expected is not None:
                off.append(abs(value - watch.expected) > 1.5)
        assert len(off) > 500
        return sum(off)

    assert alarms(BERLIN) == 0
    assert alarms("UTC") >= 2 * 12


def test_an_unknown_zone_is_refused_with_key_and_value(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"drift\.timezone = 'Europe/Berln': must be the IANA name"):
        parse(base() + '[drift]\ntimezone = "Europe/Berln"\n')
    for name in ("../etc/passwd", "", "Mars/Olympus"):
        result = CliRunner().invoke(
            app, ["reference", "build", __file__, "--out", str(tmp_path / "x"), "--timezone", name]
        )
        assert (result.exit_code, "--timezone" in result.output) == (2, True)


@pytest.mark.parametrize(
    "name", ["localtime", "posixrules", "Factory", "posix/Europe/Berlin", "right/Europe/Berlin", "RIGHT/UTC"]
)
def test_what_is_another_time_on_other_machines_is_refused(name: str, tmp_path: Path) -> None:
    """Zones of the database that are no place's: the machine's own, and copies of which some count leap seconds."""
    with pytest.raises(PolicyError, match=f"drift.timezone = '{name}': must be .* machines, or counts leap seconds"):
        parse(base() + f'[drift]\ntimezone = "{name}"\n')
    words = ["reference", "build", __file__, "--out", str(tmp_path / "x"), "--timezone", name]
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, f"--timezone '{name}': must be" in " ".join(result.output.split())) == (2, True)


def test_without_a_zone_monitors_that_were_saved_go_on() -> None:
    text = (
        base()
        + sli("availability", "no_error")
        + '[[monitor]]\nname = "steady"\nkind = "adwin"\non = ["sli.availability"]\n'
    )
    plain, utc, berlin = (
        identities(parse(text + zone))
        for zone in ("", '[drift]\ntimezone = "UTC"\n', f'[drift]\ntimezone = "{BERLIN}"\n')
    )
    assert plain == utc != berlin
