"""Each recipe of CONTRIBUTING.md is all there is to do: applied to a copy of the tree, the new kind runs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from operators.rules.kind import RuleKind
from operators.rules.registry import KINDS
from tests.recipes import apply, recipes

ROOT = Path(__file__).parents[2]
RECIPES = recipes((ROOT / "CONTRIBUTING.md").read_text())
FILES_MAX = 3  # Of the product, for one kind.


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a replay with all new kinds came to, in a process of its own over a copy of the tree."""
    tree = tmp_path_factory.mktemp("tree")
    # With what Python has made of its files; what a recipe changes is newer. Kernels are those of the old tree.
    ignore = shutil.ignore_patterns("*.nbi", "*.nbc", "compiled")
    for folder in ("operators", "flows", "gateway", "infra"):
        shutil.copytree(ROOT / folder, tree / folder, ignore=ignore)
    for steps in RECIPES.values():
        for step in steps:
            apply(step, tree)
    path = os.pathsep.join([str(tree), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.replay_of_recipes"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_recipe_touches_few_files() -> None:
    assert RECIPES.keys() >= {
        "A kind of SLI",
        "A kind of rule",
        "A kind of monitor",
        "A type of control event",
        "An input format",
    }
    for steps in RECIPES.values():
        assert 2 <= len(steps) <= FILES_MAX
        assert len({step.path for step in steps}) == len(steps)
        assert sum(step.path.endswith("registry.py") for step in steps) == 1


def test_check_says_what_new_kinds_do(ran: dict[str, Any]) -> None:
    assert "good: a prediction; neither where it failed" in ran["check"]
    assert "a pane holds more than 20 events" in ran["check"]
    assert "21 events" in ran["check"]
    assert "all values over 1m are the same" in ran["check"]


def test_a_wrong_key_of_a_new_kind_is_refused_with_what_is_allowed(ran: dict[str, Any]) -> None:
    assert ran["refused"] == [
        "sli.spoken.failed = 'good': must be one of bad, neither",
        'sli.spoken.limit = 3: has no meaning with good = "predicted"',
        "rule.flood.most = 0: must be a whole number at least 1",
        "rule.flood.sli = 'spoken': is not a key of the policy",
        "monitor.score.n_min = 0: must be a whole number at least 1",
    ]


def test_a_new_sli_is_counted(ran: dict[str, Any]) -> None:
    # Of each three events in the tagged log one has a prediction, one has none and one failed.
    assert ran["spoken"] == [100, 100, 100]


def test_a_new_rule_gives_verdicts_and_alerts_with_its_page(ran: dict[str, Any]) -> None:
    assert ran["lacks"] == []  # What is asked of every evaluator.
    assert ran["verdicts"] == ["OK", "BAD", "OK"]
    assert ran["alerts"] == [["firing", "infra/runbooks/flood.md"], ["resolved", "infra/runbooks/flood.md"]]


def test_a_new_monitor_writes_rows_and_is_heard(ran: dict[str, Any]) -> None:
    wanted = [["INSUFFICIENT", 40], ["BAD", 60], ["OK", 120], ["OK", 60], ["INSUFFICIENT", 20]]
    assert ran["drift"] == wanted  # Windows begin on the minute.
    assert ran["heard"] == ["BAD", "OK"]


def test_a_new_type_of_control_event_is_said_sent_and_told(ran: dict[str, Any]) -> None:
    said = [
        "Version v of model m gets no new sessions, by rule flood.",
        "Version v of model m gets new sessions again.",
    ]
    assert ran["event"] == {
        "sentences": said,
        "pages": ["infra/runbooks/rollback.md"] * 2,
        "actions": ["open", "close"],
    }


def test_what_a_new_evaluator_keeps_is_saved_and_goes_on(ran: dict[str, Any]) -> None:
    assert ran["restarted"] == ran["verdicts"]


def test_one_log_in_a_new_format_carries_several_streams(ran: dict[str, Any]) -> None:
    assert ran["items"] == {"events": 300, "feedback": 30, "refused": ["bad_message"]}
    assert ran["labels"] == [30, 0, 0]
    assert ran["commands"] == ["override"]


def test_no_kind_of_rule_leaves_open_how_its_rollbacks_are_verified() -> None:
    every = {name: getattr(KINDS["threshold"], name) for name in RuleKind.__struct_fields__ if name != "recovery"}
    with pytest.raises(TypeError, match="recovery"):
        RuleKind(**every)
    levels = {name: kind.recovery.__name__ for name, kind in KINDS.items()}
    assert levels == {
        "threshold": "by_threshold",
        "burn_rate": "by_tier",
        "measure": "by_verdict",
        "absence": "by_verdict",
        "parity": "by_verdict",
        "canary": "by_arms",
        "drift": "by_verdict",
    }
