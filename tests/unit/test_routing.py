"""Which version answers a key: by the shares, the same each time, and moved no more than the shares are."""

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.routing import shares_of, version_of

KEYS = [f"user-{number}" for number in range(4_000)]
VERSIONS = ("v1", "v2", "v3")
some = st.floats(0.0, 1.0, allow_subnormal=False).map(lambda share: round(share, 3))
weights_of = st.dictionaries(st.sampled_from(VERSIONS), some, max_size=3)
pins = st.sampled_from([None, *VERSIONS])
excluded = st.sets(st.sampled_from(VERSIONS), max_size=2)


def routed(own: Mapping[str, float], shares: Mapping[str, float], salt: str = "m") -> list[str | None]:
    return [version_of(key, salt, own, shares) for key in KEYS]


@given(weights_of, weights_of, pins, excluded)
def test_shares_are_shares_and_obey(
    own: dict[str, float], weights: dict[str, float], pin: str | None, out: set[str]
) -> None:
    out -= {pin or ""}  # A standing never excludes what is pinned.
    shares = shares_of(own, weights, pin, out)
    assert all(0.0 < share <= 1.0 + 1e-9 for share in shares.values())
    assert sum(shares.values()) <= 1.0 + 1e-6
    assert not out & shares.keys() or (pin is not None and not weights)
    if sum(weights.values()) < 0.99:
        assert all(share <= weights.get(name, 1.0) + 1e-9 for name, share in shares.items() if name != pin)
    if pin is not None:
        assert sum(shares.values()) == pytest.approx(1.0)


@given(weights_of, weights_of, st.text(max_size=5))
@settings(max_examples=20, deadline=None)
def test_each_version_gets_its_share_of_the_keys_and_only_as_many_move_as_must(
    own: dict[str, float], weights: dict[str, float], salt: str
) -> None:
    usual, shares = shares_of(own, {}), shares_of(own, weights)
    before, after = routed(own, usual, salt), routed(own, shares, salt)
    for version, count in Counter(after).items():
        share = shares.get(version, 0.0) if version is not None else 1.0 - sum(shares.values())
        assert abs(count / len(KEYS) - share) < 0.04, "five standard deviations"
    for was, now in zip(before, after, strict=True):
        if was is not None and shares.get(was, 0.0) >= usual[was]:
            assert now == was, "its version has not less than before"
        if now != was and now is not None:
            assert shares[now] > usual.get(now, 0.0), "it went to one that has more"


def test_a_lower_cap_lets_go_of_some_of_those_that_were_left_and_of_no_others() -> None:
    own = {"v1": 0.5, "v2": 0.5}
    kept = [
        {key for key, version in zip(KEYS, routed(own, shares_of(own, {"v2": cap})), strict=True) if version == "v2"}
        for cap in (0.5, 0.2, 0.05, 0.01)
    ]
    assert kept[0] > kept[1] > kept[2] > kept[3]


def test_with_other_weights_of_its_own_a_gateway_moves_keys_to_or_from_one_version_only() -> None:
    fewer, more = {"v1": 0.9, "v2": 0.05, "v3": 0.05}, {"v1": 0.9, "v2": 0.2, "v3": 0.05}
    before, after = routed(fewer, shares_of(fewer, {})), routed(more, shares_of(more, {}))
    moved = [(was, now) for was, now in zip(before, after, strict=True) if was != now]
    assert {now for _, now in moved} == {"v2"}
    assert len(moved) / len(KEYS) == pytest.approx(0.2 / 1.15 - 0.05, abs=0.02)


def test_what_a_key_gets_depends_on_no_process_and_no_order() -> None:
    """Written down: another version of this package must not move anybody."""
    own = {"v1": 0.6, "v2": 0.3, "v3": 0.1}
    turned = dict(reversed(own.items()))
    assert routed(own, own) == routed(turned, turned)
    assert "".join((version_of(f"user-{n}", "m", own, own) or "-")[1] for n in range(24)) == "321212112111222221211121"
    assert routed(own, own, "m") != routed(own, own, "other"), "models draw by themselves"
