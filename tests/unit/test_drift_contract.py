"""The stories of a broken data contract, and the silence of one that holds."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from operators.drift.contract import check_contract, expectations, findings
from operators.drift.contract_breach import ContractBreach, Expectation
from operators.drift.summary import summary_of
from operators.profiles.binning import Value, bins_of
from operators.profiles.build import build
from operators.profiles.profile import Field
from operators.stats.psi import shift

RNG = np.random.default_rng(7)
SHARE = RNG.beta(2, 3, 5_000).tolist()
CARD = RNG.choice(["amex", "master", "visa"], 5_000, p=[0.1, 0.3, 0.6]).tolist()
FIELDS = build({"share": SHARE, "card": CARD, "amount": RNG.lognormal(3, 1, 5_000).tolist()}).fields


def broken(name: str, values: Sequence[Value], **limits: object) -> dict[str, ContractBreach]:
    expectation = Expectation(reference=FIELDS[name], **limits)  # type: ignore[arg-type]
    return {found.kind: found for found in findings(name, expectation, summary_of(FIELDS[name], values))}


def drifted(field: Field, values: Sequence[Value]) -> bool:
    counts = np.bincount(bins_of(field, values), minlength=field.bins)
    return bool(shift(counts, np.array(field.counts)).alarm)


def fresh(n: int = 500) -> list[float]:
    return list(np.random.default_rng(1).beta(2, 3, n).tolist())


def test_a_share_becomes_a_percentage() -> None:
    values = [100 * x for x in fresh()]
    found = broken("share", values)
    assert list(found) == ["scale", "mean", "deviation", "range"]
    assert (found["scale"].observed, found["scale"].expected) == (100.0, 1.0)
    assert found["mean"].observed == pytest.approx(np.mean(values))
    assert found["mean"].expected == pytest.approx(np.mean(SHARE))
    assert drifted(FIELDS["share"], values)


def test_a_percentage_becomes_a_share() -> None:
    """The mean of such a feature moves by one deviation only, but both by the same factor."""
    field = build({"x": [100 * x for x in SHARE]}).fields["x"]
    kinds = {f.kind: f for f in findings("x", Expectation(reference=field), summary_of(field, fresh()))}
    assert kinds["scale"].observed == 0.01


def test_a_feature_becomes_constant() -> None:
    found = broken("share", [0.4] * 200)
    assert found["constant"].observed == 1
    assert found["constant"].expected == len(set(SHARE))
    assert "absent" not in found
    assert drifted(FIELDS["share"], [0.4] * 200)


def test_a_category_becomes_constant() -> None:
    found = broken("card", ["visa"] * 200)
    assert set(found) == {"constant", "cardinality"}
    assert found["cardinality"].expected == pytest.approx(3, abs=0.01)


def test_a_common_value_may_fill_a_small_window() -> None:
    field = build({"x": [0.0] * 990 + [1.0] * 10}).fields["x"]
    assert not list(findings("x", Expectation(reference=field), summary_of(field, [0.0] * 300)))


def test_a_feature_disappears() -> None:
    found = broken("share", [None] * 50)
    assert set(found) == {"absent"}
    assert (found["absent"].observed, found["absent"].expected) == (1.0, 0.0)
    assert drifted(FIELDS["share"], [None] * 50)


def test_a_feature_is_missing_more_often() -> None:
    some = [*fresh(450), *[None] * 50]
    found = broken("share", some)
    assert set(found) == {"missing"}
    assert found["missing"].observed == 0.1
    assert not broken("share", [*fresh(480), *[None] * 20])
    assert set(broken("share", [*fresh(480), *[None] * 20], missing_share_max=0.01)) == {"missing"}
    assert not broken("share", some, missing_share_max=0.2)


def test_a_new_category_comes_up() -> None:
    new: list[Value] = [*CARD[:480], *["wallet"] * 20]
    found = broken("card", new)
    assert set(found) == {"category"}
    assert found["category"].values == ("wallet",)
    assert found["category"].observed == 0.04
    assert not broken("card", [*CARD[:480], "wallet"])


def test_a_category_that_was_not_allowed_is_found_at_once() -> None:
    found = broken("card", [*["visa"] * 400, *CARD[:100], "wallet"], categories=("visa", "master"))
    amex = CARD[:100].count("amex")
    assert found["category"].observed == (amex + 1) / 501
    assert found["category"].values == ("amex", "wallet")


def test_categories_drift_when_a_new_one_takes_over() -> None:
    assert drifted(FIELDS["card"], [*CARD[:300], *["wallet"] * 200])


def test_text_in_a_number() -> None:
    found = broken("share", [*fresh(490), *["n/a"] * 10])
    assert set(found) == {"type"}
    assert found["type"].values == ("n/a",)


@pytest.mark.parametrize(("limits", "observed"), [({"low": 0.2}, min(fresh())), ({"high": 0.8}, max(fresh()))])
def test_a_limit_by_hand_is_exact(limits: dict[str, float], observed: float) -> None:
    found = broken("share", fresh(), **limits)
    assert set(found) == {"range"}
    assert found["range"].observed == observed
    assert [found["range"].limit] == list(limits.values())


def test_mean_and_deviation() -> None:
    assert set(broken("share", [x + 0.15 for x in fresh()])) == {"mean"}
    middle = float(np.mean(SHARE))
    assert set(broken("share", [middle + 0.5 * (x - middle) for x in fresh()])) == {"deviation"}


def test_a_window_of_a_skewed_feature_holds_its_contract() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        assert not broken("amount", rng.lognormal(3, 1, 100).tolist())


def test_a_whole_window_is_checked_in_the_order_of_the_contract() -> None:
    contract = {name: Expectation(reference=field) for name, field in FIELDS.items()}
    window = {
        "card": summary_of(FIELDS["card"], [None] * 100),
        "share": summary_of(FIELDS["share"], [None] * 100),
        "amount": summary_of(FIELDS["amount"], [None] * 29),
    }
    assert [(found.feature, found.kind) for found in check_contract(contract, window)] == [
        ("share", "absent"),
        ("card", "absent"),
    ]


def test_a_profile_implies_a_contract() -> None:
    contract = expectations(build({"share": SHARE, "card": CARD}))
    assert list(contract) == ["share", "card"]
    low, high = contract["share"].bounds
    assert low == pytest.approx(2 * min(SHARE) - max(SHARE))
    assert high == pytest.approx(2 * max(SHARE) - min(SHARE))
    assert contract["card"].bounds == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("name", "limits", "text"),
    [
        ("share", {"sigmas": 0.0}, "sigmas"),
        ("share", {"missing_share_max": 1.5}, "missing_share_max"),
        ("card", {"low": 0.0}, "range"),
        ("card", {"categories": ("cash",)}, "categories"),
    ],
)
def test_limits_that_do_not_fit_are_refused(name: str, limits: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        broken(name, [], **limits)


def test_a_summary_of_another_profile_is_refused() -> None:
    with pytest.raises(ValueError, match="need 12 bins, got 5"):
        list(findings("share", Expectation(reference=FIELDS["share"]), summary_of(FIELDS["card"], CARD)))


def test_heavy_tails_have_room() -> None:
    """Of log-normal amounts one of many is far beyond what the reference saw: that is no fault, a change of unit is."""
    rng = np.random.default_rng(30)
    contract = expectations(build({"amount": rng.lognormal(size=20_000).tolist()}))["amount"]
    moments = contract.reference.moments
    assert moments is not None
    assert moments.kurtosis > 12
    window = rng.lognormal(size=1_000)
    window[0] = 4 * moments.high
    assert not list(findings("amount", contract, summary_of(contract.reference, window.tolist())))
    cents = summary_of(contract.reference, (window * 100).tolist())
    assert {finding.kind for finding in findings("amount", contract, cents)} >= {"mean", "deviation", "range"}
