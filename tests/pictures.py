"""`make pictures`: the pictures of the page in README.md and docs/, light and dark, from a demo that has just ended."""

import tempfile
from pathlib import Path
from typing import Any

from tests.page_browser import ROOT, Watched, browsing, serving

PICTURES = ROOT / "docs" / "pictures"
# The pages shown, and the height of each [px].
SHOWN = {"overview": ("", 600), "release": ("m/phishing/r/v2", 900)}
WIDTH = 1_180
SCHEMES: tuple[Any, ...] = ("light", "dark")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browsing() as browser:
        arguments = ("demo", "--page", "127.0.0.1:0", "--seconds", "0", "--data", Path(folder) / "data")
        with serving(*arguments, cwd=Path(folder)) as (address, process):
            assert process.stdout is not None
            any(line.startswith("the page stays") for line in process.stdout)
            for scheme in SCHEMES:
                for name, (path, height) in SHOWN.items():
                    watched = Watched(browser, color_scheme=scheme, viewport={"width": WIDTH, "height": height})
                    watched.page.goto(address + path)
                    watched.page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
                    assert watched.complaints == []
                    watched.page.close()


if __name__ == "__main__":
    main()
