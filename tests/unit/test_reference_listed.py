"""Profiles of categories with more values than are listed, or were seen: events like theirs alarm in no window."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from flows import cli
from operators.profiles.profile import Profile, from_json
from tests.drifting import START_MS, H, Run, a_monitor_of_each, event, policy_of

HOURS, PER_HOUR = 24, 200


def values(rng: np.random.Generator, size: int) -> dict[str, list[Any]]:
    return {
        "even": [f"e{each}" for each in rng.integers(0, 100, size)],
        "ids": [f"i{each}" for each in rng.integers(0, 3_000, size)],
        "zipf": [f"z{each}" for each in rng.zipf(1.3, size) % 5_000],
        "few": [f"f{each}" for each in rng.integers(0, 7, size)],
        "x": rng.normal(size=size).tolist(),
    }


def events(seed: int, size: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    columns, times = values(rng, size), START_MS + np.sort(rng.integers(0, HOURS * H, size))
    return [
        event(ts, request_id=f"{seed}-{at}", features={name: of[at] for name, of in columns.items()})
        for at, ts in enumerate(times.tolist())
    ]


def built(path: Path, items: list[dict[str, Any]], *words: str) -> tuple[Profile, str]:
    path.with_suffix(".ndjson").write_text("\n".join(map(json.dumps, items)))
    done = CliRunner().invoke(
        cli.app, ["reference", "build", str(path.with_suffix(".ndjson")), "--out", str(path), *words]
    )
    assert done.exit_code == 0, done.output
    return from_json(path.read_bytes()), done.output


@pytest.mark.parametrize("size", [60, 300, 3_000])
def test_categories_that_were_not_seen_or_not_listed_are_expected(tmp_path: Path, size: int) -> None:
    """Before, `lasting` found a change in every run, and PSI in 286 of 288 windows."""
    profile, _ = built(tmp_path / "p.json", events(1, size))
    run = Run(policy_of(a_monitor_of_each(), profile), events(2, HOURS * PER_HOUR))
    found = Counter((drift.monitor, drift.field) for drift in run.bad if "x" not in drift.field)
    assert not found, found
    even = profile.fields["features.even"]
    assert even.counts[even.unseen] / even.rows == pytest.approx(0.5, abs=4 * (0.25 / even.rows) ** 0.5 + 0.2)
    few = profile.fields["features.few"]
    assert (few.rows, few.counts[few.unseen]) == (size, 0)


def test_a_change_of_what_is_listed_is_found(tmp_path: Path) -> None:
    """A quarter of all becomes one value: also with half of the rows."""
    profile, _ = built(tmp_path / "p.json", events(1, 3_000))
    changed = events(2, HOURS * PER_HOUR)
    for item in changed[::4]:
        item["features"]["even"] = profile.fields["features.even"].categories[0]
    run = Run(policy_of(a_monitor_of_each(), profile), changed)
    found = {drift.monitor for drift in run.bad if drift.field == "features.even"}
    assert {"psi", "lasting"} <= found


def test_hours_and_slices_count_what_the_field_counts(tmp_path: Path) -> None:
    days = [each | {"ts": each["ts"] + day * 24 * H} for day in range(8) for each in events(10 + day, 400)]
    profile, _ = built(tmp_path / "p.json", days, "--by", "region")
    for field in profile.fields.values():
        assert np.sum(field.hours or (), axis=0).tolist() == list(field.counts)
        assert np.sum([counts for _, counts in field.slices or ()], axis=0).tolist() == list(field.counts)
    assert profile.fields["features.even"].rows == profile.fields["features.x"].rows // 2


def test_names_that_never_come_again_are_left_out(tmp_path: Path) -> None:
    items = events(1, 300)
    for at, item in enumerate(items):
        item["features"]["ids"] = f"u{at}"
    profile, said = built(tmp_path / "p.json", items)
    assert "features.ids" not in profile.fields
    assert "note: features.ids: left out: it has 300 values, and hardly one comes again" in said
