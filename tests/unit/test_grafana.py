"""Boards for Grafana: they are what their generator makes, ask for metrics that there are, and mark what was said."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram

from operators.metrics import METRICS
from operators.model_gauges import GAUGES
from tests.programs import program

FOLDER = Path(__file__).parents[2] / "infra" / "grafana"
BOARDS = sorted((FOLDER / "boards").glob("*.json"))
SUFFIXES = {Counter: ("_total",), Histogram: ("_sum", "_count", "_bucket")}
KNOWN = {f"rollguard_{name}{suffix}" for name, each in METRICS.items() for suffix in SUFFIXES.get(each.kind, ("",))}


def board(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def targets(path: Path) -> list[dict[str, Any]]:
    return [target for panel in board(path)["panels"] for target in panel["targets"]]


def test_boards_are_what_the_generator_makes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, FOLDER / "build.py", tmp_path], check=True, timeout=60)
    made = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_text("utf-8") for path in BOARDS}
    assert sorted(made) == ["cost.json", "drift.json", "release.json", "slo.json", "worker.json"]


def test_they_ask_prometheus_for_metrics_that_there_are(tmp_path: Path) -> None:
    exprs = [target["expr"] for path in BOARDS for target in targets(path) if "expr" in target]
    named = {name for expr in exprs for name in re.findall(r"rollguard_\w+", expr)}
    assert len(named) > 10
    assert named <= KNOWN | {f"rollguard_{name}" for name in GAUGES}
    rules = [{"alert": f"A{place}", "expr": expr.replace("$model", "m")} for place, expr in enumerate(exprs)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "boards", "rules": rules}]}))
    program("prometheus")  # It brings promtool, which reads every expression.
    done = subprocess.run(["promtool", "check", "rules", tmp_path / "rules.yaml"], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: str(path.stem))
def test_a_board_can_be_read(path: Path) -> None:
    made = board(path)
    assert made["uid"] == f"rollguard-{path.stem}"
    assert {each["name"] for each in made["templating"]["list"]} >= {"clickhouse", "prometheus"}
    for panel in made["panels"]:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["datasource"]["uid"] in ("${clickhouse}", "${prometheus}")
    places = [tuple(panel["gridPos"][key] for key in ("x", "y")) for panel in made["panels"]]
    assert len(set(places)) == len(places)
    if path.stem != "worker":
        (said,) = made["annotations"]["list"]
        assert "FROM control AS" in said["target"]["rawSql"]


def test_what_is_provisioned_names_the_data_sources_of_the_boards() -> None:
    sources = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "rollguard.yaml").read_text())["datasources"]
    assert {each["type"] for each in sources} == {
        each["query"] for path in BOARDS for each in board(path)["templating"]["list"] if each["type"] == "datasource"
    }
    assert all("password" not in each["jsonData"] for each in sources if "jsonData" in each)
