"""A shop in several time zones: where the nights of slices differ, each is compared with its own hours."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from typer.testing import CliRunner

from flows.cli import app
from operators.profiles.build import build_like
from operators.profiles.by_slice import expected_of
from operators.profiles.expected_field import expected_fields
from operators.profiles.merging import merged
from operators.profiles.profile import Profile, from_json, to_json
from operators.profiles.seasons import MONDAY
from operators.spans import HOUR_MS
from tests.drifting import START_MS, D, H, Item, Run, a_monitor_of_each, event, policy_of

NIGHT = {"eu": 0, "us": 8, "ap": 16}  # When the eight hours of night begin.
MONITORS = a_monitor_of_each('slices = ["*", "region"]\n')


def events(days: int, *, own: bool = True, moved: float = 0.0, seed: int = 5) -> list[Item]:
    """So many days of 60 events an hour and region; by night values are two deviations higher."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(days * 24 * 180):
        region = ("eu", "us", "ap")[at % 3]
        night = (at // 180 - (NIGHT[region] if own else 0)) % 24 < 8
        x = float(rng.normal(2.0 * night + (moved if region == "us" else 0.0)))
        found.append(event(START_MS + at * (H // 180), region=region, features={"x": x}))
    return found


def built(folder: Path, name: str, items: list[Item], *more: str) -> Profile:
    log, out = folder / f"{name}.ndjson", folder / f"{name}.json"
    log.write_text("\n".join(map(json.dumps, items)))
    words = ["reference", "build", str(log), "--out", str(out), "--by", "region", *more]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return from_json(out.read_bytes())


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    return built(tmp_path_factory.mktemp("zones"), "own", events(7))


def bad(profile: Profile, items: list[Item]) -> set[tuple[str, str]]:
    return {(drift.monitor, drift.series.text) for drift in Run(policy_of(MONITORS, profile), items).bad}


def test_no_slice_alarms_in_the_week_of_the_profile_nor_a_day_later(reference: Profile) -> None:
    assert [each.text for each in reference.fields["features.x"].slice_hours or ()] == [
        "region=ap", "region=eu", "region=us",
    ]  # fmt: skip
    assert not bad(reference, events(7)[: 2 * 24 * 180])
    assert not bad(reference, events(1, seed=6))
    found = bad(reference, events(1, moved=1.0, seed=6))
    assert {("psi", "region=us"), ("lasting", "region=us")} <= found
    assert {text for _, text in found} <= {"region=us", "*"}
    field = msgspec.structs.replace(reference.fields["features.x"], slice_hours=UNSET)
    before = bad(Profile(fields={"features.x": field}), events(1, seed=6))
    assert {kind for kind, _ in before} >= {"psi", "lasting", "sigma"}


def test_what_is_expected_of_a_night_is_that_of_the_slice(reference: Profile) -> None:
    field = reference.fields["features.x"]
    texts = ["region=eu", "region=us", "region=new"]
    at = (MONDAY + 3) * HOUR_MS  # Night in eu alone.
    eu, us, new = expected_fields(field, at, HOUR_MS, texts)
    assert [each.moments.mean for each in (eu, us) if each.moments] == pytest.approx([2.0, 0.0], abs=0.3)
    assert new.moments == field.moments or new.moments is not None
    shares = expected_of(field, at, HOUR_MS, texts)
    assert np.average(np.arange(field.bins), weights=shares[0]) > np.average(np.arange(field.bins), weights=shares[1])
    day = expected_of(field, START_MS, D, texts)
    assert day[0] / day[0].sum() == pytest.approx(day[1] / day[1].sum(), abs=0.02)


def test_slices_with_the_same_nights_have_none_of_their_own(tmp_path: Path, reference: Profile) -> None:
    alike = built(tmp_path, "alike", events(7, own=False)).fields["features.x"]
    assert alike.slices is not UNSET
    assert alike.slice_hours is UNSET
    whole = built(tmp_path, "whole", events(7), "--whole").fields["features.x"]
    assert whole.slice_hours is UNSET
    assert b"slice_hours" not in to_json(Profile(fields={"features.x": whole})), "profiles without keep their names"


def test_they_are_written_merged_and_counted_anew(reference: Profile) -> None:
    assert from_json(to_json(reference)) == reference
    one = reference.fields["features.x"]
    older = Profile(fields={"features.x": msgspec.structs.replace(one, slice_hours=UNSET)})
    twice, once = merged([reference, reference]).fields["features.x"], merged([older, reference]).fields["features.x"]
    assert once.slice_hours == one.slice_hours, "an update without hours does not lose them"
    counts = [np.array((field.slice_hours or ())[0].counts) for field in (one, twice)]
    assert (counts[1] == 2 * counts[0]).all()
    assert build_like({"features.x": [1.0, 2.0]}, reference).fields["features.x"].slice_hours is UNSET


@pytest.mark.parametrize("key", ["counts", "moments"])
def test_wrong_hours_are_refused(reference: Profile, key: str) -> None:
    raw = json.loads(to_json(reference))
    raw["fields"]["features.x"]["slice_hours"][0][key].pop()
    with pytest.raises(ValueError, match="slice_hours of region=ap need 168 times 12 counts"):
        from_json(json.dumps(raw).encode())
