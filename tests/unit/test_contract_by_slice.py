"""Contracts and means: what a slice was itself, and this hour of the week, is what is expected of it."""

import msgspec
import numpy as np
import pytest
from msgspec import UNSET

from operators.profiles.build import build, build_like
from operators.profiles.by_slice import by_slice
from operators.profiles.expected_field import expected_fields
from operators.profiles.merging import merged
from operators.profiles.part_moments import moments_by
from operators.profiles.profile import HOURS, Field, Profile, from_json, to_json
from operators.profiles.seasons import MONDAY, by_hour, hours_of_week
from tests.drifting import START_MS, D, H, Item, Run, event, policy_of

MONITORS = """
[[monitor]]
name = "contract"
kind = "contract"
on = ["features.x", "features.m"]
window = "1h"
slices = ["*", "region"]

[[monitor]]
name = "sigma"
kind = "sigma"
on = "features.x"
reference = "profile"
slices = ["*", "region"]
"""


def columns_of(items: list[Item]) -> dict[str, list[float | None]]:
    return {f"features.{name}": [item["features"].get(name) for item in items] for name in ("x", "m")}


def by_region(items: list[Item]) -> Profile:
    columns = columns_of(items)
    texts = [[f"region={item['slices']['region']}" for item in items]]
    return by_slice(build(columns), columns, dict.fromkeys(columns, texts))


def by_week(items: list[Item]) -> Profile:
    columns = columns_of(items)
    hours = hours_of_week(np.array([item["ts"] for item in items]))
    return by_hour(build(columns), columns, dict.fromkeys(columns, hours))


def whole(profile: Profile) -> Profile:
    return Profile(fields={name: stripped(field) for name, field in profile.fields.items()})


def stripped(field: Field) -> Field:
    return msgspec.structs.replace(field, slices=UNSET, hours=UNSET, slice_moments=UNSET, hour_moments=UNSET)


def regions(seed: int, us: float = 4.0, share: float = 0.33, hours: int = 4) -> list[Item]:
    """Events of two regions: x is higher and scattered more in the us, where m is missing in a third."""
    rng = np.random.default_rng(seed)
    found = []
    for at in range(hours * 400):
        there = at % 2 == 1
        features = {"x": float(rng.normal(us * there, 1 + 2 * there))}
        features |= {} if there and rng.random() < share else {"m": 1.0 + at // 2 % 5}
        found.append(event(START_MS + at * 9_000, region="us" if there else "eu", features=features))
    return found


def bad(profile: Profile, items: list[Item]) -> set[tuple[str, str, str, str]]:
    run = Run(policy_of(MONITORS, profile), items)
    return {(each.monitor, each.field, each.method, each.series.text) for each in run.bad}


@pytest.fixture(scope="module")
def reference() -> Profile:
    return by_region(regions(1, hours=20))


def test_slices_that_differ_break_no_contract(reference: Profile) -> None:
    assert {
        ("contract", "features.x", "mean", "region=us"),
        ("contract", "features.x", "deviation", "region=eu"),
        ("contract", "features.m", "missing", "region=us"),
        ("sigma", "features.x", "sigma", "region=eu"),
    } <= bad(whole(reference), regions(2))
    assert bad(reference, regions(2)) == set()


def test_no_slice_alarms_in_the_very_week_of_its_profile() -> None:
    items = regions(3)
    assert bad(by_region(items), items) == set()


def test_what_changes_in_a_slice_is_found_in_it(reference: Profile) -> None:
    moved = bad(reference, regions(2, us=9.0, share=0.6))
    assert ("contract", "features.x", "mean", "region=us") in moved
    assert ("contract", "features.m", "missing", "region=us") in moved
    fallen = bad(reference, regions(2, us=3.0))
    assert ("sigma", "features.x", "sigma", "region=us") in fallen
    assert not [each for each in fallen if each[3] == "region=eu"]


def nights(seed: int, hours: int, per_hour: int) -> list[Item]:
    rng = np.random.default_rng(seed)
    return [
        event(
            START_MS + hour * H + at * (H // per_hour),
            features={"x": float(rng.normal(2.0 * (hour % 24 < 7))), "m": 1.0 + at % 2},
        )
        for hour in range(hours)
        for at in range(per_hour)
    ]


def test_a_shop_with_a_night_breaks_no_contract() -> None:
    """In the very week of the profile, of thin hours too, and in a day of another one."""
    week = nights(4, HOURS, 40)
    profile = by_week(week)
    start = next(each for each in range(START_MS, START_MS + D, H) if each % D == 0)
    assert {each[:2] for each in bad(whole(profile), nights(5, 10, 110))} >= {("contract", "features.x")}
    assert bad(profile, nights(5, 10, 110)) == set()
    assert bad(profile, week[40 * 5 : 40 * 10]) == set()
    field = profile.fields["features.x"]
    night, day = (expected_fields(field, start + hour * H, H, ["*"])[0].moments for hour in (3, 13))
    assert night is not None and day is not None  # noqa: PT018
    assert (night.mean, day.mean) == pytest.approx((2.0, 0.0), abs=0.6)
    assert (night.sd, day.sd) == pytest.approx((1.0, 1.0), abs=0.4)
    assert night.n == 40


def test_thin_hours_are_those_of_all_days_and_alike_ones_the_whole() -> None:
    rng = np.random.default_rng(6)
    hours = np.arange(168 * 10) % HOURS
    columns = {"x": rng.normal(3.0 * (hours % 24 < 8)).tolist()}
    field = by_hour(build(columns), columns, {"x": hours}).fields["x"]
    found = expected_fields(field, (MONDAY + 3) * H, H, ["*"])[0].moments
    assert found is not None
    assert found.n == 70
    assert found.mean == pytest.approx(3.0, abs=0.5)
    columns = {"x": rng.normal(size=len(hours) * 5).tolist()}
    alike = by_hour(build(columns), columns, {"x": np.tile(hours, 5)}).fields["x"]
    assert expected_fields(alike, (MONDAY + 3) * H, H, ["*"])[0].moments == alike.moments


@pytest.mark.parametrize("scale", [1.0, 1e-300, 5e306])
def test_an_hour_of_a_slice_is_moved_as_both_are(scale: float) -> None:
    rng = np.random.default_rng(7)
    hours, us = np.arange(168 * 80) % HOURS, np.arange(168 * 80) // 168 % 2 == 1
    columns = {"x": (rng.normal(2.0 * us + 3.0 * (hours % 24 < 8)) * scale).tolist()}
    profile = by_hour(build(columns), columns, {"x": hours})
    texts = [["region=us" if each else "region=eu" for each in us.tolist()]]
    field = by_slice(profile, columns, {"x": texts}).fields["x"]
    known = [each.moments for each in expected_fields(field, (MONDAY + 3) * H, H, ["region=eu", "region=us"])]
    assert [each.mean / scale for each in known if each] == pytest.approx([3.0, 5.0], abs=0.5)


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300])
def test_moments_of_parts_of_any_size(scale: float) -> None:
    values = np.array([1.0, 2.0, 4.0, 5.0, 5.0, 5.0]) * scale
    one, other, none = moments_by(values.tolist(), np.array([0, 0, 0, 1, 1, 1]), 3)
    assert one.n == 3
    assert [one.mean, one.sd] == pytest.approx([7 / 3 * scale, (7 / 3) ** 0.5 * scale])
    assert (other.n, other.mean, other.sd) == (3, 5.0 * scale, 0.0)
    assert none.n == 0


def test_parts_are_kept_and_added_up(reference: Profile) -> None:
    assert from_json(to_json(reference)) == reference
    columns = columns_of(regions(8))
    texts = [[f"region={('eu', 'us')[at % 2]}" for at in range(1_600)]]
    again = by_slice(
        build_like(columns, reference),
        columns,
        dict.fromkeys(columns, texts),
    )
    both = dict(merged([reference, again]).fields["features.x"].slice_moments or ())
    assert both["region=us"].n == 4_000 + 800
    assert both["region=us"].mean == pytest.approx(4.0, abs=0.2)
    assert build_like(columns, reference).fields["features.x"].slice_moments is UNSET
    older = Profile(fields={"features.x": msgspec.structs.replace(again.fields["features.x"], slice_moments=UNSET)})
    assert merged([reference, older]).fields["features.x"].slice_moments is UNSET, "of some numbers nothing is known"
