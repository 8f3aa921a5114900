"""A policy whose dimensions are written in another order is the same policy, with other numbers for them."""

import msgspec
import pytest

from operators.policy.layout import laid_out
from operators.policy.policy import Policy
from operators.policy.reordering import reordered
from operators.policy_file.toml import parse
from tests.monitored import FILES
from tests.policies import base, sli, table

ORDER = ("region", "segment", "team")
CROSSES = '[["team", "region"], ["segment", "region", "team"]]'
MORE = (
    sli("ok", "no_error")
    + sli("pro", "no_error", slices=["segment=pro,region=eu", "team=a"])
    + sli("fast", "at_most", field="latency_ms", limit=1, slices=["team=b"])
    + sli("quick", "at_most", field="latency_ms", limit=1)
    + sli("both", "all_of", slis=["ok", "quick"], slices=["team=b,segment=pro"])
    + '[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "ok"\ntarget = 0.9\nwindow = "1m"\n'
    + 'slices = ["*", "team=a,region=eu", "segment"]\n'
    + '[[rule]]\nname = "canary"\nkind = "canary"\nslis = ["ok"]\nslices = ["*", "region,team"]\n'
    + '[[monitor]]\nname = "shift"\nkind = "psi"\non = ["score"]\nwindow = "1m"\nslices = ["*", "segment", "team"]\n'
    + '[[rule]]\nname = "heard"\nkind = "drift"\nmonitors = ["shift"]\n'
    + table("drift", profile="all.json")
    + table("release", producer="segment", producer_share_max=0.5)
)
WINDOW = '{ size = "2m", every = "1m", report = [{ slices = ["region,team"], every = "2m" }] }'


def policy(*dimensions: str) -> Policy:
    text = base(*dimensions, tumbling=["1m"], sliding=[], measures=["latency_ms"])
    text = text.replace("sliding = []", f"sliding = [{WINDOW}]")
    return parse(text.replace("\n[windows]", f"\ncrosses = {CROSSES}\n[windows]") + MORE, FILES)


def meant(policy: Policy) -> Policy:
    """All but what names its file, slices of a rule in an order of their own."""
    rules = [msgspec.structs.replace(rule, grains=tuple(sorted(rule.grains))) for rule in policy.rules]
    named = {"hash": "", "text": "", "shape": "", "rest": "", "frame": ""}
    return msgspec.structs.replace(policy, rules=tuple(rules), **named)


@pytest.mark.parametrize("written", [("segment", "region", "team"), ("team", "segment", "region")])
def test_in_the_order_of_before_it_is_that_policy(written: tuple[str, ...]) -> None:
    other = policy(*written)
    assert meant(other) != meant(policy(*ORDER))
    assert meant(reordered(other, ORDER)) == meant(policy(*ORDER))


def test_columns_of_one_shape_always_have_the_same_dimensions() -> None:
    """What was saved under a name is read by the dimensions noted under it."""
    known: dict[str, tuple[str, ...]] = {}
    before = None
    for names in (
        ("region", "segment"),
        ("segment", "region"),
        ("region",),
        ("segment", "region"),
        ("region", "segment"),
    ):
        laid = laid_out(parse(base(*names, tumbling=["1m"]) + sli("ok", "no_error")), before)
        assert laid is not None
        now, before = laid
        assert known.setdefault(now.shape, now.dimensions) == now.dimensions
        assert before.sliced.items() >= known.items()
    assert before is not None
    assert before.dimensions == ("segment", "region")
