"""Every wrong policy is refused with the key, the value and what is allowed there."""

import pytest

from flows.settings import Settings
from operators.ingest.slis.limit import AtMost
from operators.ingest.slis.no_error import NoError
from operators.policy.measures import Measure
from operators.policy.windows import Window
from operators.policy_file.toml import parse
from tests.policies import refused

GOOD = """
[time]
pane = "10s"
disorder = "5s"
late_horizon = "24h"
future_tolerance = "5m"
[slices]
dimensions = ["region", "segment"]
crosses = [["segment", "region"]]
[windows]
tumbling = ["1m"]
sliding = [{ size = "5m", every = "10s" }]
[measures]
names = ["latency_ms", "cost_usd", "input_tokens", "metrics.gpu"]
[sli.ok]
good = "no_error"
ignore = ["cancelled"]
[sli.fast]
good = "at_most"
field = "latency_ms"
limit = 2000
"""

# (what to replace, by what, the key that is named, what the message says beside it)
WRONG = [
    ("[time]", "[time]\nextra = 1", "time.extra", "1: is not a key of the policy"),
    ("[time]", "surprise = 1\n[time]", "surprise", "1: is not a key of the policy"),
    ("[measures]\nnames", "[measured]\nnames", "measured", "is not a key"),
    ('pane = "10s"', 'pane = "10"', "time.pane", "'10': must be a duration"),
    ('pane = "10s"', "pane = 10", "time.pane", "10: must be a duration"),
    ('pane = "10s"', 'pane = "-10s"', "time.pane", "'-10s': must be a duration"),
    ('pane = "10s"', 'pane = "1.5s"', "time.pane", "must be a duration"),
    ('pane = "10s"', 'pane = "0s"', "time.pane", "between 100ms and 1d"),
    ('pane = "10s"', 'pane = "99ms"', "time.pane", "between 100ms and 1d"),
    ('pane = "10s"', 'pane = "2d"', "time.pane", "between 100ms and 1d"),
    ('pane = "10s"', 'pane = "7s"', "time.pane", "'7s': must divide one day"),
    ('"24h"', '"4s"', "time.late_horizon", "'4s': must be at least time.disorder (5s)"),
    ('"24h"', '"soon"', "time.late_horizon", "'soon': must be a duration"),
    ('tumbling = ["1m"]', 'tumbling = ["15s"]', "windows.tumbling", "'15s': must be a multiple of time.pane (10s)"),
    ('tumbling = ["1m"]', 'tumbling = ["0s"]', "windows.tumbling", "must be a multiple"),
    ('tumbling = ["1m"]', 'tumbling = "1m"', "windows.tumbling", "'1m'"),
    ('tumbling = ["1m"]', "tumbling = [60]", "windows.tumbling[0]", "60: must be a duration"),
    ('tumbling = ["1m"]', 'tumbling = ["1m", "60s"]', "windows.tumbling", "'60s': is named twice"),
    ('every = "10s"', 'every = "7s"', "windows.sliding", "must be a multiple of time.pane"),
    ('every = "10s"', 'every = "40s"', "windows.sliding", "its size must be a multiple of its every"),
    ('every = "10s"', 'each = "10s"', "windows.sliding[0].each", "is not a key"),
    (', every = "10s"', "", "windows.sliding[0].every", "is required"),
    ('size = "5m"', 'size = "0s"', "windows.sliding", "its size must be a multiple"),
    ('size = "5m"', 'size = "36500d"', "windows.sliding", "must be at most"),
    ('late_horizon = "24h"', 'late_horizon = "99999d"', "time.late_horizon", "must be at most"),
    ('"segment"]\ncr', '"region"]\ncr', "slices.dimensions", "'region': is named twice"),
    ('"segment"]\ncr', '"a b"]\ncr', "slices.dimensions[1]", "'a b'"),
    ('[["segment", "region"]]', '[["segment", "country"]]', "slices.crosses", "'country': must be one of"),
    ('[["segment", "region"]]', '[["segment"]]', "slices.crosses", "two or more different"),
    ('[["segment", "region"]]', '[["segment", "segment"]]', "slices.crosses", "two or more different"),
    ('[["segment", "region"]]', '[["segment", "region"], ["region", "segment"]]', "slices.crosses", "is named twice"),
    ('[["segment", "region"]]', '["segment", "region"]', "slices.crosses[0]", "'segment'"),
    ("[windows]", "series_max = 0\n[windows]", "slices.series_max", "0"),
    ("[windows]", "versions_max = 1.5\n[windows]", "slices.versions_max", "1.5"),
    ("[windows]", "error_types_max = true\n[windows]", "slices.error_types_max", "True"),
    ('"latency_ms", "cost', '"latency", "cost', "measures.names", "'latency': must be one of latency_ms"),
    ('"latency_ms", "cost', '"cost_usd", "cost', "measures.names", "'cost_usd': is named twice"),
    ('"metrics.gpu"', '"metrics."', "measures.names", "'metrics.': must be one of"),
    ('"metrics.gpu"', '"feedback.abandon"', "measures.names", "must be one of"),
    ('good = "no_error"', 'good = "no_errors"', "sli.ok.good", "'no_errors': must be one of no_error, at_most"),
    ('good = "no_error"', 'name = "x"\ngood = "no_error"', "sli.ok.name", "is not a key"),
    ('good = "no_error"\n', "", "sli.ok.good", "is required"),
    ('ignore = ["cancelled"]', 'ignored = ["cancelled"]', "sli.ok.ignored", "is not a key"),
    ('ignore = ["cancelled"]', "ignore = [1]", "sli.ok.ignore[0]", "1"),
    ('ignore = ["cancelled"]', "limit = 1", "sli.ok.limit", "has no meaning with good"),
    ('field = "latency_ms"\n', "", "sli.fast.field", 'is required with good = "at_most"'),
    ("limit = 2000\n", "", "sli.fast.limit", "is required"),
    ("limit = 2000", 'limit = "2000"', "sli.fast.limit", "'2000'"),
    ("limit = 2000", "limit = nan", "sli.fast.limit", "must be a finite number"),
    ("limit = 2000", "limit = inf", "sli.fast.limit", "must be a finite number"),
    ('field = "latency_ms"', 'field = "latency"', "sli.fast.field", "'latency': must be one of"),
    ('field = "latency_ms"', 'field = "feedback.judge"\nignore = ["x"]', "sli.fast.ignore", "feedback has none"),
    ("limit = 2000", 'limit = 2000\nflags = ["x"]', "sli.fast.flags", "has no meaning"),
    ('good = "no_error"', 'good = "flag_absent"', "sli.ok.flags", "is required"),
    ("[sli.ok]", '[sli."o k"]', "sli", "o k"),
    ("[sli.ok]", "[sli]\nbad = 3\n[sli.ok]", "sli.bad", "3: must be a table"),
    ("[sli.ok]", "[dead_letters]\nshare_max = 1.5\n[sli.ok]", "dead_letters.share_max", "1.5"),
    ("[sli.ok]", "[dead_letters]\nshare_max = nan\n[sli.ok]", "dead_letters.share_max", "nan"),
    ("[sli.ok]", "[dead_letters]\nblock = 0\n[sli.ok]", "dead_letters.block", "0"),
    ("[sli.ok]", "[sli.ok]\n[sli.ok]", "policy", "is not TOML"),
    ("[time]", "[time", "policy", "is not TOML"),
    ("[time]", "time = 3\n[times]", "time", "3"),
]


@pytest.mark.parametrize(("old", "new", "key", "says"), WRONG, ids=[f"{key}-{says}" for _, _, key, says in WRONG])
def test_a_wrong_policy_is_refused_by_name(old: str, new: str, key: str, says: str) -> None:
    assert GOOD.count(old) == 1
    refused(GOOD.replace(old, new), key, says)


def test_a_good_policy_is_read_as_it_is_written() -> None:
    policy = parse(GOOD)
    assert (policy.pane_ms, policy.disorder_ms, policy.late_horizon_ms) == (10_000, 5_000, 86_400_000)
    assert policy.grains == ((), (0,), (1,), (0, 1))
    assert policy.windows == (Window(size_ms=60_000, every_ms=60_000), Window(size_ms=300_000, every_ms=10_000))
    assert [window.kind for window in policy.windows] == ["tumbling", "sliding"]
    assert policy.measures[:2] == (Measure(name="latency_ms", digits=6), Measure(name="cost_usd", digits=9))
    assert [measure.digits for measure in policy.measures] == [6, 9, 0, 6]
    assert policy.slis == (
        NoError(name="ok", good="no_error", ignore=("cancelled",)),
        AtMost(name="fast", good="at_most", field="latency_ms", limit=2000),
    )


def test_the_default_policy_is_good() -> None:
    policy = parse(Settings().policy.read_text())
    assert {sli.name for sli in policy.slis} >= {"availability", "fast"}


def test_the_hash_is_of_the_content_and_not_of_its_form() -> None:
    assert parse(GOOD).hash == parse(GOOD.replace("= ", "=  ") + "# a comment\n").hash
    assert parse(GOOD).hash != parse(GOOD.replace("2000", "2001")).hash
