"""Events of one user count for what they are worth: nobody is alarmed because some users came several times."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from operators.drift.false_alarms import of_shifts
from operators.policy.policy import Policy
from operators.profiles.build import build
from operators.stats.psi import ALPHA
from tests.bench.simulate_dependence import HOUR_MS, false_findings, found_of
from tests.drifting import START_MS, H, Item, Run, event, policy_of

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
FEATURES = [f"f{number}" for number in range(30)]
PSI = '[[monitor]]\nname = "psi"\nkind = "psi"\non = "*"\n'
CONTRACT = '[[monitor]]\nname = "contract"\nkind = "contract"\non = "*"\nwindow = "1h"\n'


def hours(whose: str, per_user: int, users: int = 65, size: int = 8, seed: int = 3) -> Iterator[Item]:
    """So many events of each user an hour, all alike in their features; `whose` names who it is, "" nobody."""
    rng = np.random.default_rng(seed)
    for hour in range(size):
        values = rng.normal(size=(users, len(FEATURES)))
        for at in range(users * per_user):
            user = at % users
            named = {whose: f"{hour}-{user}"} if whose else {}
            features = dict(zip(FEATURES, values[user].tolist(), strict=True))
            yield event(START_MS + hour * H + at * 1_000, features=features, **named)


def policy(monitors: str = PSI) -> Policy:
    values = np.random.default_rng(5).normal(size=(len(FEATURES), 20_000))
    return policy_of(monitors, build({f"features.{name}": row for name, row in zip(FEATURES, values, strict=True)}))


@pytest.mark.parametrize("whose", ["user_id", "session_id"])
def test_users_that_come_twice_are_no_drift(whose: str) -> None:
    """Without a user on them, the same events are taken for independent ones."""
    assert len(Run(policy(), hours("", 2)).bad) >= 3
    run = Run(policy(), hours(whose, 2))
    assert not run.bad
    assert {drift.word for drift in run.drifts} == {"OK"}, "65 users are enough to say something"


def test_few_users_with_many_events_say_nothing() -> None:
    run = Run(policy(), hours("user_id", 20, users=12, size=2))
    assert {drift.word for drift in run.drifts} == {"INSUFFICIENT"}
    assert {drift.n_current for drift in run.drifts} == {240}


def test_it_is_the_same_however_the_log_is_cut() -> None:
    items = list(hours("user_id", 2, size=3))
    whole = Run(policy(), items).text()
    assert Run(policy(), items, batch=17, restart=True).text() == whole


def missing_of_users(per_user: int) -> Iterator[Item]:
    for user in range(60):
        for at in range(per_user):
            features = {} if user < 5 else {"f0": user / 60}
            yield event(START_MS + (user * per_user + at) * 1_000, features=features, user_id=f"u{user}")


def test_contracts_count_what_rows_are_worth() -> None:
    """Of 60 users 5 have no value: chance beside 1 % in the profile, however often they come."""
    of_profile = build({"features.f0": [None, *np.linspace(0, 1, 99)] * 100})
    assert not Run(policy_of(CONTRACT, of_profile), missing_of_users(1)).bad
    assert not Run(policy_of(CONTRACT, of_profile), missing_of_users(10)).bad


def alike(values: Sequence[Any], per_user: int, name: str) -> Iterator[Item]:
    """An hour in which each user has one value in all of its events."""
    for user, value in enumerate(values):
        for at in range(per_user):
            ts = START_MS + (user * per_user + at) * 1_000
            yield event(ts, features={name: value}, user_id=f"u{user}")


@pytest.mark.parametrize("values", [["visa"] * 6, ["visa", "amex"] * 6], ids=["constant", "cardinality"])
def test_few_users_with_the_same_category_are_chance(values: list[str]) -> None:
    """Six users who all pay by the card that half of all have; twelve with two cards out of five."""
    shares = {"visa": 48, "amex": 42, "mc": 4, "iban": 3, "cash": 3}
    of_profile = build({"features.card": [card for card, share in shares.items() for _ in range(share * 100)]})
    assert not Run(policy_of(CONTRACT, of_profile), alike(values, 10, "card")).bad
    independent = [value for value in values for _ in range(40)]
    found = {drift.method for drift in Run(policy_of(CONTRACT, of_profile), alike(independent, 1, "card")).bad}
    assert found & {"constant", "cardinality"}


@pytest.mark.parametrize("far", [9.0, 20.0])
def test_one_user_with_some_extreme_events_is_no_change_of_a_mean_or_deviation(far: float) -> None:
    """Of values with heavy tails, where that is within the range: before, the scale was ten times the reference's."""
    rng = np.random.default_rng(6)
    ordinary = np.clip(rng.standard_t(3, 20_000), -25, 25)
    of_profile = build({"features.x": [-30.0, 30.0, *ordinary.tolist()]})
    values = [*(0.2 * rng.normal(size=119)).tolist(), 10 * far]
    assert not Run(policy_of(CONTRACT, of_profile), alike(values, 8, "x")).bad
    many = (far * rng.normal(size=120)).tolist()
    assert {drift.method for drift in Run(policy_of(CONTRACT, of_profile), alike(many, 8, "x")).bad} >= {"deviation"}


@pytest.mark.parametrize("k", [1, 2, 3, 6, 10])
@pytest.mark.parametrize("n", [60, 300, 3_000])
def test_false_findings_are_at_most_twice_what_check_predicts(k: int, n: int) -> None:
    weeks, slices, features = (4, 50, 100) if PROVE else (1, 10, 20)
    windows = 168 * weeks if PROVE else 40
    found = false_findings(np.random.default_rng([k, n]), k, n, windows, slices, features)
    assert found <= max(2 * of_shifts(ALPHA, HOUR_MS) * weeks, 1)


def test_without_it_there_are_thousands() -> None:
    found = false_findings(np.random.default_rng(2), 2, 100, 10, 10, 20, as_events=True)
    assert found * 168 / 10 > 100


def test_half_a_sigma_is_found_as_soon_as_ever() -> None:
    """The same windows, judged as users of one event each and as events."""
    for n in (150, 250):
        p = [found_of(np.random.default_rng(n), n, 200, 0.5, as_events=each) < 2e-7 for each in (False, True)]
        assert p[0].mean() >= p[1].mean() - 0.03
