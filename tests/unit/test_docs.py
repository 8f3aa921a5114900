"""What documents name exists: files, links, places in them, targets of make; and the README is short."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "infra/**/*.md", "flows/*.md", "operators/**/*.md", "tests/*.md")
    for path in ROOT.glob(pattern)
)
TOP = [path for path in DOCS if path.parent in (ROOT, ROOT / "docs")]
FOLDERS = ("flows", "gateway", "operators", "infra", "tests", "docs")
NAMES = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")} | {
    path.name for path in ROOT.iterdir()
}


def anchors(path: Path) -> set[str]:
    """The places in a document that links may name, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", path.read_text()):
        file, _, place = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), target
        assert not place or place in anchors(there), target


@pytest.mark.parametrize(
    "path", [each for each in DOCS if each.parent in (ROOT, ROOT / "docs")], ids=lambda path: path.name
)
def test_files_that_are_named_exist(path: Path) -> None:
    text = re.sub(r"^`[^`]*`\n```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)  # Files given whole.
    for each in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", text):
        assert (ROOT / each).exists(), each
    for each in re.findall(r"`([\w-]+\.(?:py|sql|toml))`", text):
        assert each in NAMES, each
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= {*targets}


def test_ci_is_the_tests() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^ci: test ", makefile, flags=re.MULTILINE)
    assert (ROOT / ".ci/run").read_text().splitlines()[-1] == "make test"


def test_make_prove_runs_every_test_that_has_a_longer_form() -> None:
    """Those with real data were in none of its lines."""
    recipe = (ROOT / "Makefile").read_text().partition("\nprove: ")[2].partition("\n\n")[0]
    folders = set(re.findall(r"\btests/[a-z_]+\b(?!/)", recipe))
    longer = {path for path in (ROOT / "tests").glob("*/test_*.py") if "ROLLGUARD_PROVE" in path.read_text()}
    assert longer
    assert {f"tests/{path.parent.name}" for path in longer} <= folders


def test_the_licence_is_an_spdx_expression() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License\n" in (ROOT / "LICENSE").read_text()
