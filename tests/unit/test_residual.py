"""A correlation that turns while each feature by itself stays: PSI on each is silent, on the residual it is not."""

import os
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from flows.cli import app
from operators.arrays import Floats
from operators.policy.errors import PolicyError
from operators.profiles.binning import Value, bins_of
from operators.profiles.build import build, build_like
from operators.profiles.merging import NotMergeable, merged
from operators.profiles.profile import RESIDUAL, Profile, from_json, to_json
from operators.profiles.residual import components_of, cross_fitted, residuals
from operators.stats.divergence import psi
from operators.stats.psi import shift
from tests.drifting import START_MS, H, Item, Run, event, policy_of

NAMES = [f"features.f{number}" for number in range(5)]
PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
MONITORS = """
[[monitor]]
name = "shift"
kind = "psi"
on = "*"

[[monitor]]
name = "mean"
kind = "sigma"
on = "residual"
reference = "profile"

[[monitor]]
name = "held"
kind = "contract"
on = "residual"
"""


@pytest.mark.parametrize("rows", [200, 1_000])
def test_residuals_of_flags_and_of_one_feature_many_times(rows: int) -> None:
    """Few values: before, PSI of others of their kind was 3.4 of flags, and contracts broke by what is rounded."""

    def flags(rng: np.random.Generator, size: int) -> list[list[float]]:
        return [(rng.random(size) < share).astype(float).tolist() for share in (0.5, 0.3, 0.1, 0.05)]

    def alike(rng: np.random.Generator, size: int) -> list[list[float]]:
        a, b = rng.normal(size=(2, size))
        return [each.tolist() for each in (a, 2 * a + 1, -a, b, a + b)]

    for make in (flags, alike):
        for seed in range(5):
            columns = make(np.random.default_rng(seed), rows)
            components = components_of({f"features.f{at}": of for at, of in enumerate(columns)})
            field = build({"x": cross_fitted(components, columns)}).fields["x"]
            others = residuals(components, make(np.random.default_rng(100 + seed), 5_000))
            counts = build_like({"x": others}, Profile(fields={"x": field})).fields["x"].counts
            assert float(psi(np.array(counts), np.array(field.counts))) < 0.1
            assert field.moments is not None
            low, high = field.moments.bounds
            assert all(low <= each <= high for each in others if each is not None)


def _values(n: int, correlation: float, seed: int) -> Floats:
    """Five normal features; the first two go together, by so much."""
    values = np.random.default_rng(seed).normal(size=(n, 5))
    values[:, 1] = correlation * values[:, 0] + (1 - correlation**2) ** 0.5 * values[:, 1]
    return values * [1, 10, 1, 1_000, 1] + [0, 50, 0, 0, -3]


def _profile(values: Floats) -> Profile:
    columns = dict(zip(NAMES, values.T.tolist(), strict=True))
    components = components_of(columns)
    return build(columns | {RESIDUAL: cross_fitted(components, list(columns.values()))}, components=components)


def _events(values: Floats, hour: int) -> list[Item]:
    names = [name.removeprefix("features.") for name in NAMES]
    return [
        event(START_MS + hour * H + at * 2_000, features=dict(zip(names, row, strict=True)))
        for at, row in enumerate(values.tolist())
    ]


def test_a_correlation_that_turns_is_found_on_the_residual_alone() -> None:
    policy = policy_of(MONITORS, _profile(_values(20_000, 0.8, seed=1)))
    items = [*_events(_values(1_500, 0.8, seed=2), 0), *_events(_values(1_500, -0.8, seed=3), 1)]
    run = Run(policy, [*items, event(START_MS + 2 * H)])
    assert {(drift.field, drift.method, drift.start) for drift in run.bad if drift.method == "psi"} == {
        (RESIDUAL, "psi", START_MS + H)
    }
    assert {drift.field for drift in run.bad} == {RESIDUAL}
    (found,) = [drift for drift in run.bad if drift.method == "psi"]
    assert (found.kind, found.axis) == ("covariate", "input")
    looked_at = {drift.field for drift in run.drifts if drift.method == "psi"}
    assert looked_at == {*NAMES, RESIDUAL}


def test_it_is_the_same_however_the_events_are_cut() -> None:
    policy = policy_of(MONITORS, _profile(_values(2_000, 0.8, seed=1)))
    items = [*_events(_values(600, 0.8, seed=2), 0), event(START_MS + 2 * H)]
    assert Run(policy, items, batch=7).text() == Run(policy, items, restart=True).text()


def test_the_residual_is_the_length_of_what_components_leave() -> None:
    """Against the definition: the distance of a standardised row from its projection on the components kept."""
    values = _values(3_000, 0.9, seed=4)
    components = components_of(dict(zip(NAMES, values.T.tolist(), strict=True)))
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    _, sizes, directions = np.linalg.svd(z, full_matrices=False)
    kept = directions[: len(NAMES) - len(components.left)]
    assert (sizes[: len(kept)] ** 2).sum() / (sizes**2).sum() >= 0.9
    expected = np.linalg.norm(z - z @ kept.T @ kept, axis=1)
    assert residuals(components, values.T.tolist()) == pytest.approx(expected.tolist(), abs=1e-4)


def test_missing_values_and_texts_count_as_the_mean() -> None:
    values = _values(1_000, 0.9, seed=5)
    components = components_of(dict(zip(NAMES, values.T.tolist(), strict=True)))
    none = [None] * len(NAMES)
    one = [components.means[0] + components.sds[0], *none[1:]]
    rows = [none, [*components.means], one, [one[0], "x", *components.means[2:]], [1e308, *none[1:]]]
    found = residuals(components, [list(column) for column in zip(*rows, strict=True)])
    assert found[:2] == [None, 0.0]
    assert found[2] == found[3]
    assert found[4] == pytest.approx(10 * (found[2] or 0), rel=1e-4)


def test_the_same_values_give_the_same_profile_in_any_order() -> None:
    values = _values(500, 0.7, seed=6)
    shuffled = values[np.random.default_rng(7).permutation(500)]
    assert _profile(values).name == _profile(shuffled).name
    assert from_json(to_json(_profile(values))) == _profile(values)


def test_profiles_without_it_keep_their_names() -> None:
    assert b"components" not in to_json(build({"features.a": [1.0, 2.0]}))
    assert build({"features.a": [1.0, 2.0]}).name == "1773c701e4bb4682"


def test_profiles_add_up_where_the_residual_is_made_alike() -> None:
    first, other = _profile(_values(500, 0.7, seed=6)), _profile(_values(500, 0.7, seed=8))
    components = first.fields[RESIDUAL].components
    assert isinstance(components, msgspec.Struct)
    columns = dict(zip(NAMES, _values(300, 0.7, seed=9).T.tolist(), strict=True))
    later = build_like(columns | {RESIDUAL: residuals(components, list(columns.values()))}, first)
    assert merged([first, later]).fields[RESIDUAL].rows == 800
    with pytest.raises(NotMergeable, match="has other bins"):
        merged([first, other])


@pytest.mark.parametrize("other", [[3.0, 3.0], ["x", "y"], [None, None]])
def test_few_features_that_vary_leave_nothing(other: list[Value]) -> None:
    with pytest.raises(ValueError, match="two numeric features that vary, there are 1"):
        components_of({"features.a": [1.0, 2.0], "features.b": other})


def test_no_policy_watches_it_without_a_profile_that_has_it() -> None:
    sigma = '[[monitor]]\nname = "mean"\nkind = "sigma"\non = "residual"\n'
    with pytest.raises(PolicyError, match="needs a profile that says so"):
        policy_of(sigma)
    with pytest.raises(PolicyError, match="is no field of the profile"):
        policy_of(sigma + 'reference = "profile"\n', {"features.a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="has components, and no other field"):
        build({RESIDUAL: [1.0, 2.0]})


def test_reference_build_makes_it_of_files(tmp_path: Path) -> None:
    random = Random(3)
    items = _events(_values(400, 0.8, seed=2), 0)
    for item in items:
        item["features"]["card"] = random.choice(["visa", "amex"])
    events, out, again = tmp_path / "e.ndjson", tmp_path / "p.json", tmp_path / "again.json"
    events.write_bytes(b"\n".join(map(msgspec.json.encode, items)))
    run = CliRunner().invoke
    built = run(app, ["reference", "build", str(events), "--residual", "--out", str(out)])
    assert built.exit_code == 0, built.output
    field = from_json(out.read_bytes()).fields[RESIDUAL]
    assert field.rows == 400
    assert list(getattr(field.components, "names", ())) == NAMES
    built = run(app, ["reference", "build", str(events), "--like", str(out), "--out", str(again)])
    assert built.exit_code == 0, built.output
    later = from_json(again.read_bytes()).fields[RESIDUAL]
    assert (later.edges, later.components, later.rows) == (field.edges, field.components, 400)
    # A profile's own events are measured by components that they did not make: as others would be.
    assert sum(later.counts[:5]) > sum(field.counts[:5])
    one = ["reference", "build", str(events), "--field", "features.f1", "--residual", "--out", str(out)]
    assert run(app, one).exit_code != 0


def _drawn(random: np.random.Generator, events: int, correlation: float, features: int = 10) -> dict[str, list[float]]:
    """Normal features; the last two by name go together, by so much."""
    values = random.normal(size=(features, events))
    values[-1] = correlation * values[-2] + (1 - correlation**2) ** 0.5 * values[-1]
    return {f"features.f{number:03}": each.tolist() for number, each in enumerate(values)}


@pytest.mark.parametrize(
    ("events", "features", "share"), [(200, 20, 0.9), (200, 100, 0.9), (640, 32, 0.6), (2_000, 40, 0.9)]
)
def test_few_events_with_many_features_are_no_drift_to_others_of_their_kind(
    events: int, features: int, share: float
) -> None:
    """As many features are taken as the events tell something of; PSI judges them at its usual limit.

    A correlation of two of them that turns is found in this `share` of profiles: 32 features hide more of it.
    """
    random = np.random.default_rng(9)
    alarms, found, profiles = 0, 0, 200 if PROVE else 4
    for _ in range(profiles):
        columns = _drawn(random, events, 0.8, features)
        components = components_of(columns)
        assert len(components.names) == min(32, features, events // 20)
        assert {*list(columns)[-2:]} <= {*components.names}  # Of all features those that go together come first.
        own = cross_fitted(components, [columns[name] for name in components.names])
        field = build({"left": own}).fields["left"]
        for correlation in (0.8, -0.8):
            others = _drawn(random, 1_000, correlation, features)
            bins = bins_of(field, residuals(components, [others[name] for name in components.names]))
            judged = shift(np.bincount(bins, minlength=field.bins), np.array(field.counts))
            alarms, found = alarms + bool(judged.alarm and correlation > 0), found + bool(judged.alarm)
    assert alarms == 0
    assert found >= share * profiles


def test_the_residual_of_its_own_events_is_as_large_as_that_of_others() -> None:
    """The mean over 25 profiles, within three standard errors; measured by all of them it is 15 % too small."""
    random = np.random.default_rng(10)
    ratios = []
    for _ in range(25):
        columns, others = _drawn(random, 200, 0.8), _drawn(random, 1_000, 0.8)
        components = components_of(columns)
        own = cross_fitted(components, list(columns.values()))
        left = residuals(components, list(others.values()))
        ratios.append(np.mean(np.array(own, float)) / np.mean(np.array(left, float)))
    assert abs(np.mean(ratios) - 1.0) < 3 * np.std(ratios) / 5 + 0.01


def test_cross_fitting_leaves_out_what_is_missing_and_is_the_same_in_any_order() -> None:
    random = np.random.default_rng(11)
    rows: list[list[Value]] = [list(row) for row in zip(*_drawn(random, 300, 0.8).values(), strict=True)]
    rows[3], rows[7][2], rows[8][4] = [None] * 10, None, "x"
    rows += rows[:50]
    found = []
    for order in (np.arange(350), random.permutation(350)):
        columns = dict(zip(_drawn(random, 1, 0.0), zip(*[rows[at] for at in order], strict=True), strict=True))
        own = cross_fitted(components_of(columns), list(columns.values()))
        assert [at for at, each in zip(order, own, strict=True) if each is None] in ([3, 303], [303, 3])
        found.append(sorted(each for each in own if each is not None))
    assert found[0] == found[1]


def test_too_few_events_have_no_residual() -> None:
    with pytest.raises(ValueError, match="needs 100 events with values of two features"):
        components_of(dict(zip(NAMES, _values(99, 0.8, seed=1).T.tolist(), strict=True)))
