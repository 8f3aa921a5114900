"""Runbooks are read at night: every command in them is one that exists, and every query in them runs as printed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from flows import cli, policy_files, settings, sql
from operators.policy.policy import RUNBOOKS
from operators.rules.registry import KINDS
from tests.conftest import migrated

ROOT = Path(__file__).parents[2]
PAGES = {path.name: path.read_text() for path in sorted((ROOT / RUNBOOKS).glob("*.md"))}
PARTS = ("## What fired", "## Look", "## Act")


def _commands(text: str) -> Iterator[list[str]]:
    """Commands of blocks and of tables."""
    blocks = "".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)).splitlines()
    for line in [*blocks, *re.findall(r"`(rollguard [^`]*)`", text)]:
        program, *words = shlex.split(line)
        assert program == "rollguard", line
        yield words


PROGRAM = typer.main.get_command(cli.app)
COMMANDS = sorted({tuple(words) for text in PAGES.values() for words in _commands(text)})
QUERIES = [words for words in COMMANDS if words[0] == "sql"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with migrated(tmp_path_factory.mktemp("runbooks")) as embedded:
        yield embedded.url


def test_every_kind_of_rule_has_a_page() -> None:
    default = policy_files.load_policy(settings.Settings().policy)
    assert all((ROOT / rule.runbook).is_file() for rule in default.rules)
    assert {f"{kind}.md" for kind in KINDS} <= PAGES.keys()


def test_pages_that_the_code_names_exist() -> None:
    sources = [path for folder in ("flows", "operators") for path in (ROOT / folder).rglob("*.py")]
    named = {name for path in sources for name in re.findall(rf"{RUNBOOKS}/([\w-]+\.md)", path.read_text())}
    assert named <= PAGES.keys()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_fired_where_to_look_and_what_to_do(page: str) -> None:
    text = PAGES[page]
    assert page == "README.md" or [part for part in PARTS if part in text.splitlines()] == list(PARTS)
    linked = set(re.findall(r"\]\(([\w.-]+)\)", text))
    assert linked <= PAGES.keys()
    if page == "README.md":
        assert linked == PAGES.keys() - {page}
    assert set(re.findall(r"`([\w]+\.sql)`", text)) <= {path.name for path in _query_files()}


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_are_understood(words: tuple[str, ...]) -> None:
    """Parsed as the program does, but not run."""
    command, rest = PROGRAM, list(words)
    context = command.make_context("rollguard", rest.copy(), resilient_parsing=True)
    while hasattr(command, "commands"):
        command = command.commands[rest.pop(0)]
    assert command.make_context(command.name, rest, parent=context).params


@pytest.mark.parametrize("words", QUERIES, ids=" ".join)
def test_queries_run(words: tuple[str, ...], store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    query, *rest = words[1:]
    params = rest[1::2]
    assert set(rest[::2]) <= {"--param"}
    if query.startswith("@"):
        wanted = set(re.findall(r"\{(\w+):", Path(query[1:]).read_text()))
        assert {param.partition("=")[0] for param in params} == wanted
    assert sql.answer(store, query, "csv", params)


def _query_files() -> list[Path]:
    return list((settings.migrations() / "queries").glob("*.sql"))


HOLDS = ("the cause is shared", "one of N producers", "BAD itself", "not known", "cannot be throttled")


def test_whatever_pages_about_commands_or_holds_is_in_its_page() -> None:
    """Too many commands paged, and their page did not know of it."""
    sources = [path.read_text() for path in (ROOT / "operators").rglob("*.py")]
    named = {name for text in sources for name in re.findall(r'"commands:(\w+)"|answer\(\w+, \w+, "(\w+)"', text)}
    reasons = {first or second for first, second in named} - {"pin", "unpin"}
    assert {name for name in reasons if f"`{name}`" not in PAGES["commands.md"]} == set()
    assert all(words in PAGES["canary.md"] for words in HOLDS)
    assert all(
        f"`{kind}`" in PAGES["rollback.md"] for kind in ("rollback", "kill", "recovered", "rollback_ineffective")
    )
