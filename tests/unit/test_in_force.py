"""`rollguard check --keys`: what is in force is a policy again, which means the same."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path

import msgspec
import pytest

from flows.check_keys import BY_DEFAULT, print_keys
from flows.settings import Settings
from operators.policy.policy import Policy
from operators.policy_file.in_force import key_lines
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse, parse_tables
from tests.judged import POLICY
from tests.policies import base, sli, table
from tests.unit.test_policy_monitors import FILES, MONITORS
from tests.unit.test_policy_rules import RULES

POLICIES = {
    "nothing": "",
    "default": Settings().policy.read_text(),
    **{path.stem: path.read_text() for path in sorted(Path("tests/real_data/policies").glob("*.toml"))},
    "every kind of rule": POLICY + RULES,
    "monitors": POLICY + MONITORS,
    "usual tiers": base("region", pane="1m") + table("[rule]", name="b", kind="burn_rate", sli="fast", target=0.99),
    "evaluators": table("evaluate", share=0.5, behind_max="1m")
    + table("[evaluator]", name="format", kind="length", chars_max=80)
    + sli("all", "all_of", slis=["ok", "quick"])
    + sli("ok", "no_error")
    + sli("quick", "at_most", field="latency_ms", limit=3),
}
# What names the text of a policy, not what it means: keys that are written are those that were meant.
NAMES = {"hash", "shape", "rest", "frame", "text", "left_out"}


def shown(policy: Policy, as_json: bool = False) -> str:
    text = io.StringIO()
    with redirect_stdout(text):
        print_keys(policy, as_json)
    return text.getvalue()


@pytest.mark.parametrize("text", POLICIES.values(), ids=POLICIES)
def test_what_is_in_force_is_a_policy_that_means_the_same(text: str) -> None:
    policy = parse(text, FILES)
    tables = json.loads(shown(policy, as_json=True))
    again = parse_tables(tables, "", FILES)
    for field in msgspec.structs.fields(Policy):
        if field.name not in NAMES:
            assert getattr(again, field.name) == getattr(policy, field.name), field.name
    assert None not in dict(key_lines(tables)).values()


def test_each_key_has_a_line_that_says_whether_it_is_written() -> None:
    lines = shown(parse('[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "fast"\ntarget = 0.9\nwindow = "5m"\n'))
    for line in (
        'time.pane = "10s"' + BY_DEFAULT,
        "rule.slo.target = 0.9",
        "rule.slo.confidence = 0.99" + BY_DEFAULT,
        'rule.slo.slices = ["*"]' + BY_DEFAULT,
        'sli.fast.field = "latency_ms"' + BY_DEFAULT,
        'release.settle = "5m"' + BY_DEFAULT,
        'dedup.horizon = "10m"' + BY_DEFAULT,
    ):
        assert line in lines.splitlines()


def test_slices_of_a_rule_that_names_none_are_those_of_its_kind() -> None:
    """A drift rule hears whatever its monitors watch; while they wait for a profile nobody knows what that will be."""
    lines = shown(parse(POLICY + MONITORS, FILES)).splitlines()
    assert 'rule.drifted.slices = ["*","region"]' + BY_DEFAULT in lines
    waiting = (
        '[drift]\nprofile = ""\n[[monitor]]\nname = "m"\nkind = "psi"\non = "*"\n[[rule]]\nname = "d"\nkind = "drift"\n'
    )
    assert "rule.d.slices" not in shown(parse(waiting))


def test_of_several_files_each_is_shown_with_what_is_the_workers() -> None:
    texts = {"default": "", "search": 'models = ["search-*"]\n[time]\npane = "1m"\n'}
    policy = parse_teams(texts)
    lines = shown(policy).splitlines()
    assert lines.count('time.pane = "1m"') == 2
    assert [line for line in lines if line.startswith("#")] == ["# default.toml", "# search.toml"]
    assert json.loads(shown(policy, as_json=True)).keys() == texts.keys()
    assert json.loads(shown(limited(parse('models = ["a"]')), as_json=True))["models"] == ["a"]


def test_names_of_others_reach_no_terminal_as_they_are() -> None:
    assert "\x1b" not in shown(parse('runbook_base = "a\\u001b[2J"'))
