"""What the README shows of the demo is what the demo prints."""

import io
import re
from pathlib import Path

from rich.console import Console

from flows.demo import run as demo
from flows.demo.world import World
from operators.connectors.stop import Stop

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_block_of_the_readme_is_printed_by_the_demo(tmp_path: Path) -> None:
    """Every line of it, in its order; what is not in it depends on the run, or is said elsewhere."""
    (block,) = re.findall(r"```\n(08:.*?)```", README.partition("## What the demo shows")[2], flags=re.DOTALL)
    text = io.StringIO()
    world = World(start_ms=1_772_438_400_000)  # 2026-03-02 08:00 UTC.
    demo.run(world, 0, tmp_path / "data", Stop(), Console(file=text, width=80, highlight=False))
    printed = [line.rstrip() for line in text.getvalue().splitlines()]
    wanted = [line.rstrip() for line in block.splitlines() if line.strip()]
    assert [line for line in printed if line in wanted] == wanted
