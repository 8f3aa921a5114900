"""Numbers of any size: a profile of them can be built, written, read, and watched by the product itself."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.policy_file.toml import parse
from operators.profiles.build import build, number_field
from operators.profiles.embedding import fit, nearest
from operators.profiles.profile import from_json, to_json
from operators.stats.magnitude import FLOAT_MAX, LARGE
from tests.drifting import BASE, START_MS, M, Run, event

MONITORS = "".join(
    f'[[monitor]]\nname = "{kind}"\nkind = "{kind}"\non = "features.amount"\n{more}'
    for kind, more in (("psi", ""), ("contract", ""), ("sigma", 'reference = "profile"\n'))
)
finite = st.floats(allow_nan=False, allow_infinity=False)
exponents = st.integers(-320, 308)
EDGES = (FLOAT_MAX, -FLOAT_MAX, FLOAT_MAX / 2, -FLOAT_MAX / 3, LARGE, -LARGE, 2.0**970, 5e-324, -5e-324, 0.0)
sizes = st.one_of(
    finite,
    st.sampled_from(EDGES),
    st.builds(lambda digits, exponent: digits * 10.0**exponent, st.floats(-1.7, 1.7), exponents),
)
beside = st.builds(
    lambda first, steps: [first + step * math.ulp(first) for step in steps],
    st.floats(-FLOAT_MAX / 2, FLOAT_MAX / 2),
    st.lists(st.integers(-3, 3), min_size=1, max_size=9),
)
columns = st.one_of(st.lists(sizes, min_size=1, max_size=9), beside)


def watched_alike(values: list[float]) -> None:
    """Build a profile of numbers, read it back, and watch the same numbers with it: nothing fails, nothing is found."""
    field = number_field(np.array(values))
    profile = from_json(to_json(build({"features.amount": values})))
    assert profile.fields["features.amount"] == field
    assert field.moments is not None
    assert all(math.isfinite(number) for number in msgspec.structs.astuple(field.moments))
    assert field.moments.low <= field.moments.mean <= field.moments.high
    policy = parse(BASE + '[drift]\nprofile = "p"\n' + MONITORS, {"p": to_json(profile)})
    items = [event(START_MS + at * 3 * M // len(values), features={"amount": value}) for at, value in enumerate(values)]
    assert not Run(policy, items).bad


@given(columns)
def test_numbers_of_any_size_are_watched_against_themselves(values: list[float]) -> None:
    watched_alike((values * 200)[:200])


@pytest.mark.parametrize(
    "values",
    [
        [1e80, 2e80, 3e80], [1e308, 1.5e308, 1.7e308], [1.7e308, -1.7e308], [5e-324, 0.0], [1e308, 1e-308, 1.0],
        [1e-200, 3e-200], [0.1], [0.0, 3.4e-167], [8.9e307, 8.9e307, -1.79e308],
        [0.0, 5e-324, 5e-324], [1e16, 1e16 + 2, 1e16 + 2],
        [8.85430947021738e307, 8.85430947021738e307, -1.7976931348623157e308],
    ],
)  # fmt: skip
def test_the_cases_that_were_seen(values: list[float]) -> None:
    watched_alike(values * 70)


@given(columns, columns)
def test_numbers_of_any_size_are_judged_by_a_profile_of_any_other(values: list[float], served: list[float]) -> None:
    policy = parse(
        BASE + '[drift]\nprofile = "p"\n' + MONITORS, {"p": to_json(build({"features.amount": values * 50}))}
    )
    amounts = (served * 200)[:200]
    run = Run(
        policy, [event(START_MS + at * M // 100, features={"amount": amount}) for at, amount in enumerate(amounts)]
    )
    for drift in run.drifts:
        msgspec.json.encode(drift)
    assert {drift.monitor for drift in run.drifts} >= {"psi", "sigma"}


@given(st.lists(sizes, min_size=2, max_size=9, unique=True), st.integers(-40, 40))
def test_moments_do_not_depend_on_the_unit(values: list[float], shift: int) -> None:
    """In units of another power of two everything is the same, but for numbers that fall out of the range of floats."""
    known = [math.ldexp(math.frexp(value)[0], at % 60) for at, value in enumerate(values)]
    here, there = number_field(np.array(known)).moments, number_field(np.ldexp(known, shift)).moments
    assert here is not None
    assert there is not None
    assert (here.skewness, here.kurtosis) == (there.skewness, there.kurtosis)
    assert (math.ldexp(here.mean, shift), math.ldexp(here.sd, shift)) == (there.mean, there.sd)


@pytest.mark.parametrize("size", [1e-310, 1e-160, 1.0, 1e80, 1e300])
def test_clusters_of_any_size_are_found(size: float) -> None:
    vectors = np.repeat([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], 50, axis=0) * size
    centroids = fit(vectors, 3)
    assert centroids.counts == (50, 50, 50, 0, 0)
    assert len(set(nearest(centroids.matrix, vectors[[0, 50, 100]]).tolist())) == 3


@pytest.mark.parametrize(("offset", "sd"), [(1.7e12, 1e3), (1.7e18, 1e6), (5e9, 1.0), (1e9, 0.3), (0.0, 1.0)])
def test_a_mean_that_moves_is_found_however_far_from_zero_it_lies(offset: float, sd: float) -> None:
    """Times in milliseconds, ids, prices in minor units: they move by 1.2 of their deviations."""
    random = np.random.default_rng(3)
    policy = parse(
        BASE + '[drift]\nprofile = "p"\n' + MONITORS,
        {"p": to_json(build({"features.amount": random.normal(offset, sd, 1_000).tolist()}))},
    )
    found = {}
    for moved in (0.0, -1.2, 1.2):
        amounts = random.normal(offset + moved * sd, sd, 300).tolist()
        items = [event(START_MS + at * 3 * M // 300, features={"amount": one}) for at, one in enumerate(amounts)]
        found[moved] = {(drift.monitor, drift.method) for drift in Run(policy, items).bad}
    assert found[0.0] == set()
    assert found[-1.2] == {("psi", "psi"), ("contract", "mean"), ("sigma", "sigma")}
    assert found[1.2] == {("psi", "psi"), ("contract", "mean")}
