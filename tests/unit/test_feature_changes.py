"""ADWIN and Page-Hinkley on the mean of a feature in each pane."""

from typing import Any

import numpy as np
import pytest

from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse
from operators.profiles.build import build
from operators.profiles.profile import to_json
from tests.drifting import BASE, START_MS, M, Run, event, policy_of

PER_PANE, PANES, MOVED = 5, 120, 90
PROFILE: dict[str, list[Any]] = {
    "features.amount": [1e6 + each for each in range(-500, 501)],
    "features.card": ["visa", "amex"],
}


def monitor(kind: str, on: str = '"features.amount"', more: str = "") -> str:
    return f'[[monitor]]\nname = "moved"\nkind = "{kind}"\non = {on}\nslices = ["*", "region"]\n{more}'


def events(to: float) -> list[dict[str, Any]]:
    """Amounts around a million, in the eu from some minute on around another; each seventh event has none."""
    rng = np.random.default_rng(3)
    return [
        event(
            START_MS + pane * M + at,
            region=region,
            features={} if at == 6 else {"amount": 1e6 + (to if moved else 0.0) + float(rng.normal(0, 300))},
        )
        for pane in range(PANES)
        for at in range(2 * PER_PANE)
        for region in ["eu" if at % 2 else "us"]
        for moved in [pane >= MOVED and region == "eu"]
    ]


@pytest.mark.parametrize("kind", ["adwin", "page_hinkley"])
def test_a_feature_that_moves_is_found_in_its_slice(kind: str) -> None:
    items = events(900.0)
    policy = policy_of(monitor(kind), PROFILE)
    found = Run(policy, items)
    (first, *_) = [drift for drift in found.bad if drift.series.text == "region=eu"]
    assert START_MS + MOVED * M < first.end <= START_MS + (MOVED + 20) * M
    assert (first.field, first.axis, first.kind) == ("features.amount", "input", "covariate")
    assert not [drift for drift in found.bad if drift.series.text == "region=us"]
    in_pane = [
        each["features"]["amount"]
        for each in items
        if each["slices"]["region"] == "eu" and each["features"] and first.start <= each["ts"] < first.end
    ]
    assert first.detail == f"rose: {np.mean(in_pane):.6g} in this pane"
    assert found.text() == Run(policy, items, batch=17, restart=True).text()
    assert not Run(policy, events(0.0)).bad


def test_it_stands_beside_slis_and_windows() -> None:
    """What a profile holds and what a detector learns of one field are counted once."""
    tables = monitor("page_hinkley", '["sli.ok", "features.amount", "latency_ms"]') + (
        '[[monitor]]\nname = "psi"\nkind = "psi"\non = "features.amount"\n'
    )
    policy = policy_of(tables, PROFILE)
    assert [each.name for each in policy.watched] == ["features.amount"]
    fields = {drift.field for drift in Run(policy, events(900.0)).drifts if drift.monitor == "moved"}
    assert fields == {"sli.ok", "features.amount"}, "no event has a latency"


@pytest.mark.parametrize(
    ("on", "drift", "says"),
    [
        ("features.other", '[drift]\nprofile = "p.json"\n', "is no field of the profile p.json"),
        ("features.card", '[drift]\nprofile = "p.json"\n', "is no number in the profile p.json"),
        ("features.amount", "", 'is required with on = "features.amount"'),
        ("features.", '[drift]\nprofile = "p.json"\n', "must be one of"),
        ("amount", '[drift]\nprofile = "p.json"\n', "must be an SLI or a measure: .*; or features.NAME"),
    ],
)
def test_a_feature_that_cannot_be_watched_is_refused(on: str, drift: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        parse(BASE + drift + monitor("adwin", f'"{on}"'), {"p.json": to_json(build(PROFILE))})


def test_it_waits_for_a_profile() -> None:
    assert parse(BASE + '[drift]\nprofile = ""\n' + monitor("adwin")).waiting == ("moved",)


@pytest.mark.parametrize("kind", ["adwin", "page_hinkley"])
@pytest.mark.parametrize("size", [1e300, 1.7e308])
def test_features_near_the_largest_float_are_watched_as_any_other(kind: str, size: float) -> None:
    """Their squares were infinite, and what was learned of them NaN: that stopped the worker, and each restart."""
    rng = np.random.default_rng(3)
    items = [
        event(START_MS + pane * M + at, features={"amount": size * (1 - 0.1 * rng.random()) / (1 + (pane >= MOVED))})
        for pane in range(PANES)
        for at in range(3)
    ]
    profile = {"features.amount": [size * (1 - 0.1 * each) for each in np.linspace(0, 1, 200)]}
    found = Run(policy_of(monitor(kind), profile), items)
    (first, *_) = found.bad
    assert START_MS + MOVED * M < first.end <= START_MS + (MOVED + 20) * M
    assert first.detail.startswith("fell")
    assert first.expected == pytest.approx(0.95 * size, rel=0.01)


@pytest.mark.parametrize("kind", ["adwin", "page_hinkley"])
def test_one_value_that_is_far_beyond_all_others_stops_nothing(kind: str) -> None:
    """As tables have where a value is missing. The hour it came in was too far off to be squared: OverflowError."""
    profile = {"features.amount": [*np.linspace(-1, 1, 201), 1e200, -1e200]}
    amounts = [0.01 * (at % 7) for at in range(130)]
    amounts[100] = -1e200
    items = [event(START_MS + at * M, features={"amount": amount}) for at, amount in enumerate(amounts)]
    found = Run(policy_of(monitor(kind), profile), items)
    assert {drift.series.text for drift in found.drifts} == {"*", "region=eu"}
    assert not found.bad
