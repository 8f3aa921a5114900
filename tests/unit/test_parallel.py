"""The groups that processes share hold what they should: whoever asks for the broker is in one of two."""

import ast
from pathlib import Path

from tests.parallel import KAFKA, ROOT, WORKER, group_of

FOLDER = "tests/integration/"  # Whose conftest.py has the fixtures: elsewhere such a name means something else.
FIXTURES = {"kafka", "kafka_config", "make_topic", "environment"}  # All of which start the broker.


def asks_for_the_broker(path: Path) -> bool:
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    tests = [function for function in functions if function.name.startswith("test_")]
    return any(FIXTURES & {argument.arg for argument in test.args.args} for test in tests)


NAMES = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("tests/**/test_*.py"))]


def test_all_that_ask_for_the_broker_are_in_two_groups() -> None:
    asking = {name for name in NAMES if name.startswith(FOLDER) and asks_for_the_broker(ROOT / name)}
    assert len(asking) > 5
    assert {group_of(name) for name in asking} == {WORKER, KAFKA}


def test_every_other_file_is_a_group() -> None:
    others = [name for name in NAMES if not name.startswith(FOLDER)]
    assert len(others) > 50
    assert [group_of(name) for name in others] == others
