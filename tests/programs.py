"""Programs of the system that some tests need, which pip cannot install."""

import os
import shutil
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[1] / "build"


def program(name: str) -> str:
    """The path of a program. Without it the test is skipped; in CI it fails, unless it cannot be installed there.

    Then infra/setup says why in build/no-NAME.
    """
    path = shutil.which(name)
    if path is None:
        why = BUILD / f"no-{name}"
        cannot = why.read_text().strip() if why.exists() else ""
        if os.environ.get("CI") == "true" and not cannot:
            pytest.fail(f"{name} is missing")
        pytest.skip(f"no {name}: {cannot or 'apt-get install ' + name}")
    return path
