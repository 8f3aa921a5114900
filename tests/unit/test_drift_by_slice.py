"""Slices are compared with what they were themselves: in the week that a profile is of, none of them alarms."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pytest
from msgspec import UNSET
from typer.testing import CliRunner

from flows.cli import app
from operators.profiles.by_slice import expected_of
from operators.profiles.merging import merged
from operators.profiles.profile import Profile, from_json, to_json
from tests.drifting import START_MS, H, Item, Run, event, policy_of

HOURS = 14
MONITORS = """
[[monitor]]
name = "psi"
kind = "psi"
on = ["features.x", "features.region"]
slices = ["*", "region"]

[[monitor]]
name = "lasting"
kind = "lasting"
on = ["features.x", "features.region"]
slices = ["*", "region"]
"""


def events(moved: float = 0.0) -> list[Item]:
    """Two regions that differ by two deviations, 60 events an hour each; in the end one may move."""
    rng = np.random.default_rng(5)
    return [
        event(
            START_MS + hour * H + at * 30_000,
            region=region,
            features={
                "x": float(rng.normal(2.0 * (region == "us") + moved * (region == "us" and hour >= 7))),
                "region": region,
            },
        )
        for hour in range(HOURS)
        for at in range(120)
        for region in (("eu", "us")[at % 2],)
    ]


def built(folder: Path, *more: str) -> Profile:
    out = folder / "p.json"
    result = CliRunner().invoke(app, ["reference", "build", str(folder / "events.ndjson"), "--out", str(out), *more])
    assert result.exit_code == 0, result.output
    profile = from_json(out.read_bytes())
    return Profile(fields={name: profile.fields[name] for name in ("features.x", "features.region")})


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, Profile]:
    """The profile of the events as one, and by region."""
    folder = tmp_path_factory.mktemp("by_slice")
    (folder / "events.ndjson").write_text("\n".join(map(json.dumps, events())))
    return built(folder), built(folder, "--by", "region")


def found(profile: Profile, moved: float = 0.0) -> set[tuple[str, str, str]]:
    run = Run(policy_of(MONITORS, profile), events(moved))
    return {(drift.monitor, drift.field, drift.series.text) for drift in run.bad}


def test_no_slice_alarms_in_the_week_of_the_profile(profiles: tuple[Profile, Profile]) -> None:
    whole = found(profiles[0])
    assert {
        (monitor, "features.x", f"region={name}") for monitor in ("psi", "lasting") for name in ("eu", "us")
    } <= whole
    assert not {field for _, field, text in whole if text != "*"} & {"features.region"}, "a dimension in its own slices"
    profile = profiles[1]
    assert from_json(to_json(profile)).name == profile.name
    assert found(profile) == set()
    assert ("psi", "features.x", "region=us") in found(profile, moved=1.0)


def test_slices_that_are_alike_are_worth_the_whole(profiles: tuple[Profile, Profile]) -> None:
    field = profiles[1].fields["features.x"]
    assert field.slices is not UNSET
    half = tuple(n // 2 for n in field.counts)
    alike = msgspec.structs.replace(
        field, counts=tuple(2 * n for n in half), slices=(("region=eu", half), ("region=us", half))
    )
    known = expected_of(alike, START_MS, H, ["region=eu", "region=new", "*"])
    assert known.tolist() == [list(map(float, alike.counts))] * 3
    differ = expected_of(field, START_MS, H, ["region=eu", "region=us", "region=new"])
    assert differ[0].sum() < 0.6 * sum(field.counts)
    assert differ[2].tolist() == list(map(float, field.counts))


def test_profiles_with_slices_are_merged(profiles: tuple[Profile, Profile]) -> None:
    one = profiles[1]
    both = merged([one, one]).fields["features.x"]
    assert dict(both.slices or ())["region=eu"] == tuple(
        2 * n for n in dict(one.fields["features.x"].slices or ())["region=eu"]
    )


def test_a_slice_with_other_bins_is_refused(profiles: tuple[Profile, Profile]) -> None:
    raw = json.loads(to_json(profiles[1]))
    raw["fields"]["features.x"]["slices"][0][1].pop()
    with pytest.raises(ValueError, match="each slice needs 12 counts"):
        from_json(json.dumps(raw).encode())
