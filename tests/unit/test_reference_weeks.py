"""A profile of the store is that of the same events from a file: hours, slices, what events of users are worth."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from operators.profiles.profile import Field, PartMoments, Profile, from_json
from tests.dataflows.test_cli import rollguard

T = 1_763_337_600_000  # 2025-11-17, a Monday.
HOUR, HOURS = 3_600_000, 8 * 24
ZONE = "Europe/Berlin"


def written(path: Path, *, users: bool = True) -> Path:
    """Eight days of a shop in two regions whose nights are at other hours; a user makes two or three events an hour."""
    rng = np.random.default_rng(17)
    with path.open("w") as file:
        for hour in range(HOURS):
            for number in range(25):
                region = ("eu", "us")[number % 2]
                night = (hour + 12 * (region == "us")) % 24 < 12
                user = {"user_id": f"u{hour}-{number // 3}"} if users else {}
                event = user | {
                    "request_id": f"r{hour}-{number}",
                    "ts": T + hour * HOUR + number * 100_000,
                    "model": "m",
                    "version": "v1",
                    "slices": {"region": region},
                    "latency_ms": float(rng.lognormal(5 if night else 4)),
                    "prediction": ["yes", "no"][int(rng.random() < (0.2 if night else 0.7))],
                    "features": {"amount": float(rng.normal(3.0 * night)), "card": ["visa", "amex"][number % 2]},
                }
                file.write(json.dumps(event) + "\n")
    return path


def built(path: Path, *words: object) -> tuple[Profile, str]:
    done = CliRunner().invoke(app, ["reference", "build", *map(str, words), "--out", str(path)])
    assert done.exit_code == 0, done.stderr
    return from_json(path.read_bytes()), done.stderr


def close(some: tuple[PartMoments, ...], others: tuple[PartMoments, ...], rel: float = 1e-5) -> bool:
    return all(
        one.n == other.n and (one.mean, one.sd) == pytest.approx((other.mean, other.sd), rel=rel, abs=1e-5)
        for one, other in zip(some, others, strict=True)
    )


def assert_same(found: Field, known: Field) -> None:
    """But for rounding, and what windows do not say: skewness, kurtosis, distinct values."""
    for name in ("counts", "hours", "slices", "design", "timezone", "edges", "categories"):
        assert getattr(found, name) == getattr(known, name), name
    assert close(found.hour_moments or (), known.hour_moments or ())
    some, others = (dict(each.slice_moments or ()) for each in (found, known))
    assert some.keys() == others.keys()
    assert close(tuple(some.values()), tuple(others.values()))
    own, of_file = found.slice_hours or (), known.slice_hours or ()
    assert [(each.text, each.counts) for each in own] == [(each.text, each.counts) for each in of_file]
    assert all(close(one.moments, other.moments) for one, other in zip(own, of_file, strict=True))


# Of panes of 10 s, as by default, a week has so many that to close them takes most of a minute.
POLICY = """
[time]
pane = "5m"
[windows]
tumbling = ["1h"]
[drift]
profile = "p.json"
[archive]
ids = "full"
[[monitor]]
name = "m"
kind = "psi"
on = "*"
window = "{window}"
slices = ["*", "region"]
"""


def replayed(folder: Path, events: Path, *words: object, window: str = "1h") -> Path:
    (folder / "p.toml").write_text(POLICY.format(window=window))
    done = rollguard("replay", events, "--policy", folder / "p.toml", *words, "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_a_week_of_the_store_is_that_of_the_file(tmp_path: Path) -> None:
    """Before, it had neither hours nor, without a profile that said so, what the events of one user are worth."""
    events, by = written(tmp_path / "e.ndjson"), ("--by", "region", "--timezone", ZONE)
    known, _ = built(tmp_path / "p.json", events, *by)
    store = replayed(tmp_path, events, "--archive")
    like = ("--like", tmp_path / "p.json", "--data", store, *by)
    counted, said = built(tmp_path / "s.json", "--store", *like)
    assert said == ""
    assert set(counted.fields) == set(known.fields)
    for name, field in known.fields.items():
        assert_same(counted.fields[name], field)
    assert known.fields["features.amount"].slice_hours
    assert known.fields["features.amount"].design_effect > 2
    logged, said = built(tmp_path / "l.json", "--requests", *like)
    for name in ("latency_ms", "prediction"):
        assert_same(logged.fields[name], known.fields[name])
    measures, said = built(tmp_path / "m.json", "--store", "--data", store, "--timezone", ZONE)
    measure, latency = measures.fields["latency_ms"], known.fields["latency_ms"]
    assert (measure.design, measure.timezone) == (latency.design, latency.timezone)
    assert close(measure.hour_moments or (), latency.hour_moments or (), rel=0.02)
    assert [sum(hour) for hour in measure.hours or ()] == [sum(hour) for hour in latency.hours or ()]
    assert np.sum(measure.hours or (), axis=0).tolist() == list(measure.counts)


def test_what_the_store_does_not_have_is_said(tmp_path: Path) -> None:
    """No log of requests, windows longer than an hour: a profile without, and notes of it."""
    events = written(tmp_path / "e.ndjson")
    known, _ = built(tmp_path / "p.json", events)
    store = replayed(tmp_path, events, window="2h")
    counted, said = built(tmp_path / "s.json", "--store", "--like", tmp_path / "p.json", "--data", store)
    assert "note: no hours of the week of features.amount, features.card" in said
    assert "the request log (`rollguard archive` writes it) has none of these requests: it is taken from --like" in said
    assert counted.fields["features.amount"].design == known.fields["features.amount"].design
    assert not counted.fields["features.amount"].hours
