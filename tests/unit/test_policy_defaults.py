"""A policy file need say only what differs from the default policy."""

import io
import tomllib

import pytest
from rich.console import Console

from flows.check import print_policy
from flows.settings import Settings
from operators.policy.windows import Window
from operators.policy_file import defaults
from operators.policy_file.toml import parse
from tests.policies import base, refused, sli, table

RULE = """
[[rule]]
name = "slo"
kind = "threshold"
sli = "availability"
target = 0.99
window = "5m"
"""
DEFAULT = tomllib.loads(Settings().policy.read_text())
M = 60_000


def test_what_is_left_out_is_as_in_the_default_policy() -> None:
    whole = defaults.with_defaults({"rule": [{"slis": ["availability", "fast", "quality", "correct"]}]})
    for name in ("slices", "windows", "measures", "sli"):
        assert whole[name] == {key: DEFAULT[name][key] for key in whole[name]}, name
        assert {*DEFAULT[name]} - {*whole[name]} <= {"series_max", "versions_max", "models_max", "error_types_max"}
    assert whole["time"] == {key: DEFAULT["time"][key] for key in whole["time"]}
    small, large = parse(""), parse(Settings().policy.read_text())
    for name in ("pane_ms", "disorder_ms", "late_horizon_ms", "future_ms", "idle_ms", "outliers", "behind_ms"):
        assert getattr(small, name) == getattr(large, name), name
    for name in ("dimensions", "grains", "series_max", "versions_max", "windows", "measures", "reports", "stored_ms"):
        assert getattr(small, name) == getattr(large, name), name


def test_what_is_written_as_by_default_is_the_same_policy() -> None:
    """Then the recovery store of one goes on under the other."""
    written = (
        table("time", **{key: DEFAULT["time"][key] for key in (*defaults.TIME, "stored")})
        + table("slices", dimensions=["region", "segment"], crosses=[["region", "segment"]])
        + table("windows", **DEFAULT["windows"])
        + table("measures", names=DEFAULT["measures"]["names"])
        + sli("availability", "no_error", ignore=["client_cancelled"])
        + RULE
    )
    short, long = parse(RULE), parse(written)
    assert (short.hash, short.shape) == (long.hash, long.shape)
    assert short.left_out == ("[time]", "[slices]", "[windows]", "[measures]", "SLI availability")
    assert long.left_out == ()


def test_a_file_that_says_all_that_it_needs_gets_nothing_more() -> None:
    """No SLI comes but those that rules name, and `[measures]` without names has none."""
    policy = parse(base("region", measures=[], tumbling=["1m"]))
    assert (policy.slis, policy.measures, policy.dimensions) == ((), (), ("region",))
    assert parse("[measures]").measures == ()
    assert parse("[slices]\nseries_max = 7").dimensions == ("region", "segment")
    assert parse("[slices]\ndimensions = []").grains == ((),)


@pytest.mark.parametrize(
    ("pane", "windows"),
    [
        ("1s", [(M, M), (5 * M, 10_000), (60 * M, M)]),
        ("1m", [(M, M), (5 * M, M), (60 * M, M)]),
        ("30s", [(M, M), (5 * M, 30_000), (60 * M, M)]),
        ("15m", [(15 * M, 15 * M), (60 * M, 15 * M)]),
        ("1d", [(1440 * M, 1440 * M)]),
    ],
)
def test_windows_left_out_are_those_that_the_panes_add_up_to(pane: str, windows: list[tuple[int, int]]) -> None:
    policy = parse(f'[time]\npane = "{pane}"')
    assert policy.windows == tuple(Window(size_ms=size, every_ms=every) for size, every in windows)


def test_wrong_values_are_still_refused_where_they_stand() -> None:
    refused('[time]\npane = "soon"', "time.pane", "must be a duration")
    refused("time = 3", "time", "3")
    refused("slices = 3", "slices", "3")
    refused("sli = 3\n" + RULE, "sli", "3")
    refused("rule = 3", "rule", "3")
    refused(RULE.replace("availability", "availabilty"), "rule.slo.sli", "must be one of the SLIs")


def test_check_says_what_it_took_from_the_default_policy() -> None:
    text = io.StringIO()
    policy = parse(
        'models = ["checkout", "search-*"]\n' + RULE + 'targets = { v2 = 0.97 }\nslices = ["*", "region=eu"]\n'
    )
    print_policy(policy, Console(file=text, width=200, markup=False, emoji=False))
    said = text.getvalue()
    for words in (
        "checkout, search-*",
        "[time], [slices], [windows], [measures], SLI availability",
        "10 s, closed 5 s after their end",
        "no error_type; neither: client_cancelled",
        "0.97 of v2",
        "region=eu",
    ):
        assert words in said, words
