"""What a wrong value of a policy is refused with: its key, the value, and in words of TOML what is allowed there."""

import io

import pytest
from rich.console import Console

from flows.check import print_policy
from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse

RULE = '[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "availability"\ntarget = 0.985\nwindow = "5m"\n'
EU = '[sli.eu]\ngood = "no_error"\nslices = ["region=eu"]\n'


def refusal(text: str) -> str:
    with pytest.raises(PolicyError) as raised:
        parse(text)
    return str(raised.value)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("targets = 'x'", "targets = 'x': must be a table"),
        ("targets = { v1 = 0.9, v2 = 97 }", "targets.v2 = 97: must be a number below 1"),
        ("targets = { v1 = 0.9, v2 = '0.97' }", "targets.v2 = '0.97': must be a number"),
        ("targets = { v2 = 0 }", "targets.v2 = 0: must be a number above 0"),
        (
            "targets = { v1.2 = 0.9 }",
            "targets.v1 = {'2': 0.9}: must be a number; a name with a dot stands in quotes: \"v1.2\"",
        ),
        ("targets = { '' = 0.9 }", "targets = '': is a name there, which must not be empty"),
        ("release_targets = 'yes'", "release_targets = 'yes': must be true or false"),
        ("slices = 'region=eu'", "slices = 'region=eu': must be a list"),
        ("slices = []", "slices = []: must not be empty"),
        ("slices = [1]", "slices[0] = 1: must be a text"),
        ("tragets = { v2 = 0.9 }", "tragets = {'v2': 0.9}: is not a key of the policy; did you mean 'targets'?"),
        ("confidence = 0.1", "confidence = 0.1: must be a number at least 0.5"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_key_in_words_of_toml(line: str, says: str) -> None:
    assert refusal(f"{RULE}{line}\n") == f"rule.slo.{says}"


def test_a_name_that_is_none_is_said_in_words() -> None:
    assert 'must be letters, digits, "_", "." or "-"' in refusal(RULE.replace('"slo"', '"my slo"'))


def test_of_a_long_value_no_more_is_said_than_tells_it_from_others() -> None:
    assert len(refusal(f"{RULE}targets = {{ {'v' * 200} = 2 }}\n")) < 600
    said = refusal(RULE + f"slices = ['{'x' * 100_000}']\n")
    assert "100002 characters" in said
    assert len(said) < 2_000


def test_a_slice_that_is_not_there_is_refused_with_what_to_do() -> None:
    assert "'endpoint' is none of slices.dimensions" in refusal(RULE + "slices = ['endpoint=/pay']\n")
    crossed = '[slices]\ndimensions = ["region", "segment"]\n' + RULE + "slices = ['region=eu,segment=pro']\n"
    assert refusal(crossed).endswith("name ['region', 'segment'] in slices.crosses")
    # It was read as the value "ab", which nobody has.
    assert "must be one of the reported slices" in refusal(RULE + "slices = ['region=a\\b']\n")


def test_a_rule_is_not_about_slices_in_which_its_sli_counts_nothing() -> None:
    of_eu = EU + RULE.replace('"availability"', '"eu"')
    said = refusal(of_eu + 'slices = ["region=eu", "region=us"]\n')
    assert said == "rule.slo.slices = 'region=us': has no events that SLI eu counts, which is of region=eu alone"
    parse(of_eu + 'slices = ["*", "region=eu", "segment=pro"]\n')
    canary = '[[rule]]\nname = "c"\nkind = "canary"\nslis = ["eu", "availability"]\n'
    said = refusal(EU + canary + 'slices = ["region=us"]\n')
    assert said == "rule.c.slices = ['region=us']: have no events that SLI eu counts, which is of region=eu alone"
    parse(EU + canary + 'slices = ["region=us", "region=eu"]\n')


def test_targets_that_hold_no_version_are_refused() -> None:
    """`v*` came first, so that `v2-*` was in the file and never in force."""
    said = refusal(RULE + 'targets = { "v*" = 0.97, "v2-*" = 0.95 }\n')
    assert said == "rule.slo.targets.v2-* = 0.95: holds no version: 'v*' before it fits all that it fits; put it first"
    parse(RULE + 'targets = { "v2-*" = 0.95, "v*" = 0.97, v2 = 0.9, "v?" = 0.97 }\n')


def test_what_check_prints_moves_no_cursor() -> None:
    """Names of models, versions and slices may hold anything; a line break in one forged a line."""
    odd = '"a\\u001b[2Jb\\nc"'
    text = io.StringIO()
    policy = parse(
        f"models = [{odd}]\n{EU.replace('region=eu', 'region=' + odd[1:-1])}"
        f'{RULE}targets = {{ {odd} = 0.97 }}\nslices = ["*", "region={odd[1:-1]}"]\n'
        f"[release]\nfallback = {{ {odd} = {odd} }}\n"
    )
    print_policy(policy, Console(file=text, width=200, markup=False, emoji=False))
    assert "\x1b" not in text.getvalue()
    assert not any(line.lstrip().startswith("c") for line in text.getvalue().splitlines())
    assert text.getvalue().count("a?[2Jb?c") == 4
