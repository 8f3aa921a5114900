"""Every wrong monitor is refused with the key, the value and what is allowed there; a good one is what it says."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from flows import policy_files, settings
from operators.drift import contract_breach
from operators.drift.adwin_monitor import Adwin
from operators.drift.contract_monitor import Contract
from operators.drift.detectors import adwin, page_hinkley, standard
from operators.drift.mean_monitor import Sigma
from operators.drift.page_hinkley_monitor import PageHinkley
from operators.drift.psi_monitor import Embedding, Psi
from operators.policy.errors import PolicyError
from operators.policy.monitors import Sampling
from operators.policy.policy import Policy
from operators.policy_file.toml import parse, profiles_named
from operators.profiles.build import build
from operators.profiles.embedding import fit
from operators.profiles.profile import to_json
from operators.rules.drift import DriftRule
from operators.stats import psi as shift
from operators.stats import welch
from tests.judged import POLICY
from tests.policies import refused

PROFILE = build(
    {
        "features.amount": [1.0, 2.0, 3.0, 4.0, None],
        "features.card": ["visa", "visa", "amex"],
        "feedback.judge": [4.0, 5.0],
    },
    embedding=fit(np.array([[0.0, 1.0], [1.0, 0.0]]), 2),
)
OTHER = build({"features.amount": [1.0, 9.0]})
FILES = {"checkout.json": to_json(PROFILE), "other.json": to_json(OTHER), "broken.json": b"{}"}
DRIFT = '[drift]\nprofile = "checkout.json"\nsample = 0.5\nsamples = { search = 1.0 }\n'
MONITORS = (
    DRIFT
    + """
[[monitor]]
name = "amount"
kind = "psi"
on = "features.amount"
window = "2h"
slices = ["*", "region"]

[[monitor]]
name = "all"
kind = "contract"

[[monitor]]
name = "amount-other"
kind = "contract"
on = ["features.amount"]
model = "search"
profile = "other.json"
low = -5
high = 20

[[monitor]]
name = "clusters"
kind = "embedding"
reference = "last_week"

[[monitor]]
name = "judge"
kind = "sigma"
on = "feedback.judge"

[[monitor]]
name = "failures"
kind = "adwin"
on = ["sli.ok", "latency_ms"]

[[monitor]]
name = "slower"
kind = "page_hinkley"
on = "latency_ms"

[[rule]]
name = "drifted"
kind = "drift"
"""
)


def policy(text: str) -> Policy:
    return parse(POLICY + text, FILES)


def test_monitors_are_read_as_they_are_written() -> None:
    name = PROFILE.name
    monitors = policy(MONITORS).monitors
    assert monitors == (
        Psi(
            name="amount",
            kind="psi",
            on=("features.amount",),
            profile=name,
            grains=((), (0,)),
            window_ms=7_200_000,
        ),
        Contract(
            name="all",
            kind="contract",
            on=("features.amount", "features.card", "feedback.judge", "embedding"),
            profile=name,
        ),
        Contract(
            name="amount-other",
            kind="contract",
            on=("features.amount",),
            model="search",
            profile=OTHER.name,
            low=-5,
            high=20,
        ),
        Embedding(name="clusters", kind="embedding", on=("embedding",), profile=name, reference="last_week"),
        Sigma(name="judge", kind="sigma", on=("feedback.judge",)),
        Adwin(name="failures", kind="adwin", on=("sli.ok", "latency_ms")),
        PageHinkley(name="slower", kind="page_hinkley", on=("latency_ms",)),
    )


def test_a_field_is_watched_once_for_a_model_and_a_profile() -> None:
    made = policy(MONITORS)
    places = [(each.name, each.model, each.profile, each.offset, each.bins) for each in made.watched]
    assert places == [
        ("features.amount", None, PROFILE.name, 0, 6),
        ("features.card", None, PROFILE.name, 6, 4),
        ("feedback.judge", None, PROFILE.name, 10, 4),
        ("embedding", None, PROFILE.name, 14, 4),
        ("features.amount", "search", OTHER.name, 18, 4),
        ("feedback.judge", None, "", 22, 0),
    ]
    assert made.bins == 22
    assert [made.watched_by(monitor) for monitor in made.monitors] == [[0], [0, 1, 2, 3], [4], [3], [5], [], []]
    amount, other, judge = made.watched[0], made.watched[4], made.watched[5]
    assert (amount.contract, amount.low, amount.high) == (True, -2, 7)
    assert amount.centre == 2.5
    assert amount.scale == pytest.approx(math.sqrt(5 / 3))
    assert (other.low, other.high) == (-5, 20), "what is given by hand is exact"
    assert (judge.contract, judge.centre, judge.scale) == (False, 0, 1)
    assert made.watched[3].centroids == PROFILE.embedding


def test_sampling_is_by_model() -> None:
    assert policy(MONITORS).sampling == Sampling(share=0.5, by_model={"search": 1.0})
    assert policy("").sampling.reads_all


def test_a_rule_listens_to_all_monitors_and_holds() -> None:
    [rule] = policy(MONITORS).rules
    assert isinstance(rule, DriftRule)
    names = ("amount", "all", "amount-other", "clusters", "judge", "failures", "slower")
    assert (rule.monitors, rule.action, rule.grains) == (names, "hold", ((), (0,))), "all that they watch"


WRONG = [
    ('kind = "psi"', 'kind = "ks"', "monitor.amount.kind", "'ks': must be one of psi, adwin"),
    ('name = "amount"\n', "", "monitor[0].name", "is required"),
    ('name = "all"', 'name = "amount"', "monitor[1].name", "'amount': is named twice"),
    ('window = "2h"', 'window = "2h"\nbins = 3', "monitor.amount.bins", "3: is not a key"),
    ('window = "2h"', 'window = "2m5s"', "monitor.amount.window", "must be a duration"),
    ('window = "2h"', 'window = "15s"', "monitor.amount.window", "'15s': must be a multiple of time.pane (10s)"),
    ('window = "2h"', 'window = "7h"', "monitor.amount.window", "'7h': must divide one day"),
    ('window = "2h"', "alpha = nan", "monitor.amount.alpha", "must be a finite number"),
    ('window = "2h"', "alpha = 1.0", "monitor.amount.alpha", "1.0"),
    ('window = "2h"', 'reference = "lastweek"', "monitor.amount.reference", "must be one of profile, last_week, base"),
    ('slices = ["*", "region"]', 'slices = ["city"]', "monitor.amount.slices", "'city': must be one of"),
    ('window = "2h"', 'profile = "gone.json"', "monitor.amount.profile", "'gone.json': is no file beside the policy"),
    ('window = "2h"', 'profile = "broken.json"', "monitor.amount.profile", "'broken.json': is no profile"),
    ('profile = "checkout.json"\n', "", "monitor.amount.profile", 'is required with kind = "psi"'),
    ('profile = "checkout.json"', 'profile = "gone.json"', "drift.profile", "is no file"),
    ("sample = 0.5", "sample = 0", "drift.sample", "0"),
    ("search = 1.0", "search = 1.5", "drift.samples.search", "1.5"),
    ("sample = 0.5", "sampled = 1", "drift.sampled", "1: is not a key"),
    ('on = "features.amount"', 'on = "features.age"', "monitor.amount.on", "'features.age': is no field of the pro"),
    ('on = "features.amount"', 'on = "amount"', "monitor.amount.on", "'amount': must be one of latency_ms"),
    ('on = "features.amount"', "on = []", "monitor.amount.on", "[]"),
    ('on = "features.amount"', 'on = ["features.card", "features.card"]', "monitor.amount.on", "is named twice"),
    ("low = -5", "low = 50", "monitor.amount-other.low", "50: must be at most high (20)"),
    ('on = ["features.amount"]', 'on = "*"\ncategories = ["x"]', "monitor.amount-other.categories", "must be among"),
    ('kind = "contract"\n\n', 'kind = "contract"\nlow = 1\n\n', "monitor.all.low", "has a meaning only for one field"),
    ('reference = "last_week"', 'on = "score"', "monitor.clusters.on", 'must be "embedding"'),
    ('on = "feedback.judge"', 'on = "prediction"', "monitor.judge.on", "is no number"),
    ('on = "feedback.judge"', 'on = "features.card"\nprofile = "checkout.json"', "monitor.judge.on", "is no number in"),
    ('on = "feedback.judge"', 'on = "sli.ok"', "monitor.judge.on", "'sli.ok': must be one of"),
    ('"sli.ok", ', '"sli.gone", ', "monitor.failures.on", "'sli.gone': must be an SLI or a measure: sli.ok"),
    ('kind = "page_hinkley"', 'kind = "page_hinkley"\nwindow = "1h"', "monitor.slower.window", "is not a key"),
    ('kind = "page_hinkley"', 'kind = "page_hinkley"\nprofile = "x"', "monitor.slower.profile", "is no file beside"),
    (
        'kind = "drift"',
        'kind = "drift"\nmonitors = ["none"]',
        "rule.drifted.monitors",
        "'none': must be one of the",
    ),
    ('kind = "drift"', 'kind = "drift"\nslices = ["segment"]', "rule.drifted.slices", "is watched by none of"),
    ('kind = "drift"', 'kind = "drift"\nscope = "model"', "rule.drifted.scope", 'must be "version"'),
]


@pytest.mark.parametrize(("old", "new", "key", "says"), WRONG, ids=[f"{key}-{says}" for _, _, key, says in WRONG])
def test_a_wrong_monitor_is_refused_by_name(old: str, new: str, key: str, says: str) -> None:
    assert MONITORS.count(old) == 1
    refused(POLICY + MONITORS.replace(old, new), key, says, FILES)


def test_a_rule_of_drift_needs_a_monitor() -> None:
    with pytest.raises(PolicyError, match="there are none"):
        policy('[[rule]]\nname = "x"\nkind = "drift"\n')


def test_what_a_profile_holds_is_a_part_of_the_policy() -> None:
    made, bare = policy(MONITORS), policy("")
    changed = parse(POLICY + MONITORS, FILES | {"checkout.json": to_json(msgspec.structs.replace(PROFILE, fields={
        **PROFILE.fields, "features.card": build({"x": ["visa", "amex", "amex"]}).fields["x"],
    }))})  # fmt: skip
    assert len({made.hash, changed.hash, bare.hash}) == 3
    assert len({made.shape, changed.shape, bare.shape}) == 3
    alone = '[[monitor]]\nname = "a"\nkind = "adwin"\non = "sli.ok"\n'
    assert policy(alone).shape == bare.shape, "nothing more is kept for it"


def test_the_defaults_are_those_of_the_detectors() -> None:
    psi, _, _, _, judge, failures, slower = policy(MONITORS).monitors
    assert isinstance(psi, Psi)
    assert (psi.alpha, psi.psi_min) == (shift.ALPHA, shift.PSI_MIN)
    assert isinstance(judge, Sigma)
    assert judge.sigmas == welch.SIGMAS
    assert isinstance(failures, Adwin)
    assert (failures.delta, failures.learned_from) == (adwin.DELTA, standard.LEARNED_FROM)
    assert isinstance(slower, PageHinkley)
    assert (slower.allowance, slower.threshold, slower.samples_min, slower.learned_from) == (
        page_hinkley.ALLOWANCE, page_hinkley.THRESHOLD, page_hinkley.SAMPLES_MIN, standard.LEARNED_FROM,
    )  # fmt: skip
    assert Contract(name="c", kind="contract", on=()).sigmas == contract_breach.SIGMAS


def test_profiles_lie_beside_the_policy_or_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "policy.toml").write_text(POLICY + MONITORS)
    (tmp_path / "checkout.json").write_bytes(FILES["checkout.json"])
    with pytest.raises(PolicyError, match=r"other\.json"):
        policy_files.load_policy(tmp_path / "policy.toml")
    Path("other.json").write_bytes(FILES["other.json"])
    assert policy_files.load_policy(tmp_path / "policy.toml") == policy(MONITORS)
    Path("checkout.json").write_bytes(FILES["other.json"])
    assert policy_files.load_policy(tmp_path / "policy.toml") == policy(MONITORS), "the one beside the policy"


def test_names_of_profiles_are_found_in_wrong_policies_too() -> None:
    assert profiles_named(MONITORS) == ["checkout.json", "other.json"]
    assert profiles_named("drift = 3\nmonitor = [1, {profile = 2}, {profile = 'x'}]") == ["x"]
    assert profiles_named("monitor = 3") == []


# --- Monitors that wait for a profile ---------------------------------------------------------------------------------

WAITING = """
[drift]
profile = ""
[[monitor]]
name = "inputs"
kind = "contract"
[[monitor]]
name = "errors"
kind = "adwin"
on = "sli.ok"
[[rule]]
name = "all"
kind = "drift"
[[rule]]
name = "one"
kind = "drift"
monitors = ["inputs"]
"""


def test_monitors_without_a_profile_wait_and_so_do_rules_that_listen_to_them_alone() -> None:
    waiting = parse(POLICY + WAITING)
    assert waiting.waiting == ("inputs",)
    assert [each.name for each in waiting.monitors] == ["errors"]
    (rule,) = waiting.rules
    assert isinstance(rule, DriftRule)
    assert (rule.name, rule.monitors) == ("all", ("errors",))
    awake = parse(POLICY + WAITING.replace('""', '"p.json"'), {"p.json": to_json(build({"score": [1.0, 2.0]}))})
    assert awake.waiting == ()
    assert [rule.name for rule in awake.rules] == ["all", "one"]


def test_a_monitor_that_waits_is_checked_like_any_other() -> None:
    for wrong in ('kind = "contract"\nwindo = "1m"', 'kind = "contract"\nwindow = "no"'):
        with pytest.raises(PolicyError, match=r"monitor\.inputs"):
            parse(POLICY + WAITING.replace('kind = "contract"', wrong))
    with pytest.raises(PolicyError, match="named twice"):
        parse(POLICY + WAITING.replace('"errors"', '"inputs"'))
    with pytest.raises(PolicyError, match=r"rule\.one"):
        parse(POLICY + WAITING.replace('monitors = ["inputs"]', 'monitors = ["inputs", "gone"]'))


def test_the_default_policy_watches_once_it_has_a_profile() -> None:
    path = settings.Settings().policy
    assert policy_files.load_policy(path).waiting == ("inputs", "shifts")
    text = path.read_text().replace('profile = ""', 'profile = "p.json"')
    policy = parse(text, {"p.json": to_json(build({"features.amount": [1.0, 2.0]}))})
    assert {(each.kind, each.grains) for each in policy.monitors} == {("contract", ((), (0,))), ("psi", ((), (0,)))}
    assert "drift" in {rule.name for rule in policy.rules}
