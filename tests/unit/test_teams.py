"""Several policy files for one worker: which takes which model, what is the worker's, and what is refused at start."""

import io
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from rich.console import Console

from flows.check import print_policy
from flows.policy_files import load_policy
from operators.policy.errors import PolicyError
from operators.policy.globs import name_of_both
from operators.policy_file.teams import WORKERS, limited, parse_teams
from operators.policy_file.toml import parse

RULE = '[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "availability"\ntarget = 0.99\nwindow = "5m"\n'


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("checkout", "checkout", "checkout"),
        ("checkout", "search", None),
        ("check*", "checkout", "checkout"),
        ("check*", "*out", "checkout"),
        ("search-*", "check*", None),
        ("a*b", "*c", None),
        ("a?c", "ab*", "abc"),
        ("?", "??", None),
        ("*", "*", ""),
        ("[ab]x", "[bc]*", "bx"),
        ("[!a]x", "a*", None),
        ("[!a-y]", "[x-z]", "z"),
        ("[x-z]", "[!x-z]", None),
        ("[b-a]x", "*x", None),
        ("[]]", "]", "]"),
        ("[", "[", "["),
        ("*-*-*-*-*-*-*-*-*x", "*-*-*-*-*-*-*-*-*y", None),
    ],
)
def test_it_is_known_exactly_whether_two_patterns_fit_one_name(one: str, other: str, both: str | None) -> None:
    for found in (name_of_both(one, other), name_of_both(other, one)):
        assert (found is None) == (both is None)
        if found is not None:
            assert [fnmatchcase(found, pattern) for pattern in (one, other)] == [True, True], found


def test_exactly_one_file_takes_a_model() -> None:
    policy = parse_teams({"a": 'models = ["checkout", "search-*"]', "b": 'models = ["rank-?"]', "default": RULE})
    assert [policy.of(name).team for name in ("checkout", "search-1", "rank-2", "rank-22", "x")] == [  # type: ignore[union-attr]
        "a",
        "a",
        "b",
        "default",
        "default",
    ]
    without = parse_teams({"a": 'models = ["checkout"]', "b": 'models = ["rank-?"]'})
    assert without.of("x") is None
    assert limited(parse('models = ["m"]')).of("x") is None
    assert limited(parse(RULE)).of("x") is not None


WRONG: list[tuple[dict[str, str], str, str]] = [
    (
        {"a": 'models = ["x"]', "b": 'models = ["x"]'},
        "b.toml: models",
        "'x': takes model 'x', and so does a.toml by 'x'",
    ),
    ({"a": 'models = ["s-*"]', "b": 'models = ["*-eu"]'}, "b.toml: models", "takes model 's-eu', and so does a.toml"),
    ({"a": 'models = ["x", "x"]'}, "a.toml: models", "is named twice"),
    ({"a": RULE}, "a.toml: models", "is required: which models is the file for?"),
    ({"a": "models = []"}, "a.toml: models", "is required"),
    ({"default": 'models = ["x"]'}, "default.toml: models", "takes what no other file does"),
    ({"a": 'models = ["x"]\n[time]\npane = "7s"'}, "a.toml: time.pane", "must divide one day"),
    ({"a": "models = ["}, "policy", "is not TOML"),
    (
        {"a": 'models = ["x"]\n[time]\npane = "5s"', "b": 'models = ["y"]\n[time]\npane = "10s"'},
        "b.toml: time.pane",
        "'10s': is the worker's, one for all files, and '5s' in a.toml",
    ),
    (
        {"a": 'models = ["x"]\n[dedup]\nhorizon = "1m"', "default": "[dedup]\nids_max = 5"},
        "default.toml: dedup.ids_max",
        "5: is the worker's",
    ),
]


@pytest.mark.parametrize(("files", "key", "says"), WRONG, ids=[f"{key} {says}"[:50] for _, key, says in WRONG])
def test_wrong_folders_are_refused_with_file_key_and_value(files: dict[str, str], key: str, says: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_teams(files)
    assert caught.value.key == key
    assert says in str(caught.value)


def test_what_is_the_workers_is_said_once_for_all() -> None:
    files = {
        "a": 'models = ["x"]\n[time]\npane = "5s"\n[commands]\nsigned = true',
        "b": 'models = ["y"]',
        "default": "",
    }
    policy = parse_teams(files)
    assert {each.pane_ms for each in (policy, *policy.teams)} == {5_000}
    assert {each.commands.signed for each in (policy, *policy.teams)} == {True}
    assert policy.hash != parse_teams(files | {"default": RULE}).hash
    assert policy.shape == parse_teams(files | {"default": RULE}).shape
    docs = (Path(__file__).parents[2] / "docs/policy.md").read_text()
    said = docs.partition("The worker's tables are")[2].partition("\n\n")[0]
    assert all(f"`[{table}]`" in said or f"`[[{table}]]`" in said for table in WORKERS)


def test_a_folder_is_read_with_its_profiles_and_faults(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"is a folder without any \.toml file"):
        load_policy(tmp_path)
    (tmp_path / "a.toml").write_text('models = ["x-*"]\n' + RULE)
    (tmp_path / "default.toml").write_text("")
    (tmp_path / "notes.md").write_text("no policy")
    policy = load_policy(tmp_path)
    assert [each.team for each in policy.teams] == ["a", "default"]
    text = io.StringIO()
    print_policy(policy, Console(file=text, width=200, markup=False, emoji=False))
    said = text.getvalue()
    for words in ("a.toml", "x-*", "slo", "default.toml", "what no other file takes", policy.hash):
        assert words in said, words
    (tmp_path / "b.toml").write_text('models = ["*-1"]')
    with pytest.raises(PolicyError, match=r"b\.toml: models = '\*-1': takes model 'x-1', and so does a\.toml"):
        load_policy(tmp_path)


def test_a_file_that_is_alone_names_no_model_twice() -> None:
    """In a folder that was refused; alone it was not."""
    with pytest.raises(PolicyError, match="models = 'm': is named twice"):
        limited(parse('models = ["m", "n", "m"]'))
