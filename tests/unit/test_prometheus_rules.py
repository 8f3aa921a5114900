"""The rules for Prometheus speak of metrics and labels that there are; promtool runs them, where it is there."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Histogram

from flows.zeros import CLOSED
from operators.metrics import METRICS
from tests.programs import program

FOLDER = Path(__file__).parents[2] / "infra" / "prometheus"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"] for rule in group["rules"]
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_a_rule_names_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    found = re.findall(r"rollguard_(\w+?)(_total)?(?:\{([^}]*)\})?(?=[\[\s)]|$)", rule["expr"])
    assert found, rule["expr"]
    for name, total, labels in found:
        metric = METRICS[name]
        assert bool(total) == (metric.kind is Counter), name
        assert metric.kind is not Histogram
        for label, values in re.findall(r'(\w+)=~?"([^"]*)"', labels):
            assert label == metric.label
            assert set(values.split("|")) <= set(CLOSED[name])
    assert rule["labels"]["severity"] in ("page", "ticket", "info")
    assert rule["annotations"]["summary"]


def test_promtool_agrees() -> None:
    program("prometheus")  # It brings promtool.
    for arguments in (["check", "rules", "rules.yaml"], ["test", "rules", "rules_test.yaml"]):
        done = subprocess.run(["promtool", *arguments], cwd=FOLDER, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
