"""The recipes of CONTRIBUTING.md as steps: which files to write, which lines to add."""

import re
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^`([^`\n]+)`\n```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Step(NamedTuple):
    """A file of the tree, and its text, or the lines to add to it (`diff`)."""

    path: str
    kind: str
    text: str


def recipes(text: str) -> dict[str, list[Step]]:
    """Return the steps of each recipe, by its heading."""
    _, *sections = re.split(r"^### ", text.partition("\n## Recipes\n")[2], flags=re.MULTILINE)
    return {each.partition("\n")[0]: [Step(*block) for block in BLOCK.findall(each)] for each in sections}


def apply(step: Step, root: Path) -> None:
    """Do a step below `root`. AssertionError: it cannot be done as written."""
    path = root / step.path
    if step.kind != "diff":
        assert not path.exists(), f"{step.path} is there already"
        path.write_text(step.text)
        return
    text = path.read_text()
    for hunk in re.split(r"^ \.\.\.\n", step.text, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line.startswith(" "))
        assert all(line[0] in " +" for line in lines), f"{step.path}: lines are added alone"
        assert text.count(old) == 1, f"{step.path} has other lines: {old}"
        text = text.replace(old, "".join(line[1:] for line in lines))
    path.write_text(text)
