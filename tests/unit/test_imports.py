"""The floors of the house, held over the real tree; and each rule shown able to fail on a small one.

A floor of `operators/` may import the floors above it in `FLOORS`, which stand lower in the house, and nothing else.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import msgspec
import pytest

ROOT = Path(__file__).parents[2]

# The ground first.
FLOORS = (
    "arrays", "spans", "fast", "texts", "pseudonyms", "metrics", "saved", "wire", "store", "stats", "profiles",
    "policy", "window", "ingest", "drift", "rules", "evaluators", "policy_file", "release", "evaluation_state",
    "shard_models", "evaluation", "model_gauges", "archive", "rows",
    "enrich", "evaluate", "evals", "triage", "saved_names", "recovery", "handing_over",
    "connectors", "steps", "sources",
)  # fmt: skip
# Rows are summarised without knowing what is said of them; a gateway installs msgspec alone.
ABOVE = (
    "window", "drift", "rules", "release", "evaluation_state", "shard_models", "evaluation", "archive",
    "enrich", "evaluate", "evals", "triage",
)  # fmt: skip
NOT = {("connectors", floor) for floor in ABOVE}
GATEWAY = {"wire"}
ENGINE_FREE = set(FLOORS) - {"connectors", "steps", "sources"}
# Engines, clients, and what reaches the place where the program runs.
FOREIGN = {
    "bytewax", "confluent_kafka", "clickhouse_connect", "clickhouse_migrations", "chdb", "pyarrow", "requests", "httpx",
    "socket", "os", "time", "random", "threading", "subprocess", "typer", "rich", "prometheus_client",
}  # fmt: skip
# The registry of metrics is in-process, and what Bytewax serves; Arrow is a format of messages, decoded in process.
EXCUSED = {("metrics", "prometheus_client"), ("model_gauges", "prometheus_client"), ("ingest", "pyarrow")}
CLOCKS = {"now", "utcnow", "today"}


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """A file below the root: `layer` is "flows", "gateway", or the folder or file of operators/ that it belongs to."""

    path: str
    layer: str
    tree: ast.Module


@cache
def modules(root: Path) -> Sequence[Module]:
    """All files of the product below a root, read once."""
    return list(_modules(root))


def _modules(root: Path) -> Iterator[Module]:
    for path in sorted(path for top in ("operators", "flows", "gateway") for path in root.glob(f"{top}/**/*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        layer = parts[1] if parts[0] == "operators" else parts[0]
        yield Module(path="/".join(parts), layer=layer, tree=ast.parse(path.read_text()))


def imported(module: Module) -> set[str]:
    """The dotted names of all modules imported, also within functions."""
    names = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module.path}: imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def faults(root: Path) -> list[str]:
    """Every broken rule, as one line each."""
    found = []
    for module in modules(root):
        if module.path.endswith("__init__"):
            body = module.tree.body
            if len(body) != 1 or ast.get_docstring(module.tree) is None:
                found.append(f"{module.path}: holds more than a docstring")
            continue
        for name in sorted(imported(module)):
            found += [f"{module.path}: {fault}" for fault in _import_faults(module.layer, name.split("."))]
        if module.layer in ENGINE_FREE and _reads_clock(module.tree):
            found.append(f"{module.path}: reads a clock")
    return found


def _import_faults(layer: str, parts: list[str]) -> Iterator[str]:
    top = parts[0]
    if top == "flows" and layer != "flows":
        yield "imports flows"
    if top == "gateway" and layer not in ("flows", "gateway"):
        yield "imports gateway"
    if top == "operators" and layer != "flows" and not _below(parts[1], layer):
        yield f"imports {parts[1]}"
    if layer in ENGINE_FREE and top in FOREIGN and (layer, top) not in EXCUSED:
        yield f"is engine-free and imports {top}"


def _below(floor: str, layer: str) -> bool:
    """Whether `layer` may import `floor`: itself, and what stands lower."""
    if layer == "gateway":
        return floor in GATEWAY
    return FLOORS.index(floor) <= FLOORS.index(layer) and (layer, floor) not in NOT


def _reads_clock(tree: ast.Module) -> bool:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in CLOCKS for call in calls)


def test_the_tree_keeps_the_import_direction() -> None:
    assert len(modules(ROOT)) > 30
    assert faults(ROOT) == []


def test_every_floor_is_known() -> None:
    assert {module.layer for module in modules(ROOT)} - {"flows", "gateway", "__init__"} == set(FLOORS)


def test_no_file_imports_what_imports_it() -> None:
    names = {module.path.replace("/", "."): module for module in modules(ROOT)}
    graph = {
        name: {part for full in imported(module) for part in (full, full.rpartition(".")[0]) if part in names}
        for name, module in names.items()
    }
    assert len(list(TopologicalSorter(graph).static_order())) == len(names)


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("operators/window/a.py", "import flows.cli", "imports flows"),
        ("operators/window/a.py", "from operators.ingest import sli", "imports ingest"),
        ("operators/window/a.py", "from operators.connectors.files import X", "imports connectors"),
        ("operators/window/a.py", "from operators import steps", "imports steps"),
        ("operators/ingest/a.py", "from operators.steps import X", "imports steps"),
        ("operators/policy/policy.py", "from operators.window.panes import X", "imports window"),
        ("operators/steps.py", "def f():\n    from operators.sources import x", "imports sources"),
        ("operators/stats/a.py", "from operators.window.partial import X", "imports window"),
        ("operators/connectors/a.py", "from operators.rules.canary import X", "imports rules"),
        ("operators/drift/a.py", "import bytewax.operators as op", "is engine-free and imports bytewax"),
        ("operators/ingest/a.py", "from clickhouse_connect import X", "is engine-free and imports clickhouse_connect"),
        ("operators/ingest/a.py", "import time", "is engine-free and imports time"),
        ("operators/ingest/a.py", "from os import environ", "is engine-free and imports os"),
        ("operators/release/a.py", "import prometheus_client", "is engine-free and imports prometheus_client"),
        ("operators/window/a.py", "from datetime import datetime\nNOW = datetime.now()", "reads a clock"),
        ("operators/window/__init__.py", '"""Text."""\nimport msgspec', "holds more than a docstring"),
        ("flows/__init__.py", "", "holds more than a docstring"),
        ("gateway/a.py", "from operators.policy.policy import X", "imports policy"),
        ("gateway/a.py", "import flows.cli", "imports flows"),
        ("operators/release/a.py", "from gateway.pins import X", "imports gateway"),
    ],
)
def test_each_rule_can_fail(tmp_path: Path, path: str, text: str, fault: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)
    assert faults(tmp_path) == [f"{path.removesuffix('.py')}: {fault}"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("flows/a.py", "import os, time\nfrom operators.connectors.files import X\nfrom operators.steps import Y"),
        (
            "operators/connectors/a.py",
            "import bytewax\nfrom operators.rows.items import X\nfrom operators.ingest.sli import Y",
        ),
        ("operators/ingest/a.py", "from datetime import datetime\nfrom operators.window.panes import X"),
        ("operators/window/a.py", "from operators.policy.policy import X\nfrom operators.window.series_index import Y"),
        ("operators/window/__init__.py", '"""Text."""'),
    ],
)
def test_what_is_allowed_passes(tmp_path: Path, path: str, text: str) -> None:
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_text(text)
    assert faults(tmp_path) == []


def test_a_public_name_is_defined_once() -> None:
    """One word, one idea: no class or function of `operators/` has the name of another."""
    homes: dict[str, list[str]] = {}
    for module in modules(ROOT):
        for node in module.tree.body if module.path.startswith("operators") else []:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module.path)
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}
