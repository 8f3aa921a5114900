"""Tests marked `real_data` are skipped where the data sets are absent, and say so in words."""

from collections.abc import Sequence

import pytest
from _pytest.terminal import TerminalReporter

from tests.real_data.data import VARIABLE, folder

MARK = "real_data"


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if folder().is_dir():
        return
    for item in items:
        if item.get_closest_marker(MARK):
            item.add_marker(pytest.mark.skip(reason=f"real data: no folder {folder()}; {VARIABLE} names another"))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Without this line `pytest -q` shows nothing but an `s` for a test that proved nothing."""
    skipped = [report for report in terminalreporter.getreports("skipped") if MARK in report.keywords]
    if skipped and not folder().is_dir():
        terminalreporter.write_line(
            f"NOT RUN: {len(skipped)} tests on real data, because there is no folder {folder()}; "
            f"the environment variable {VARIABLE} names another",
            yellow=True,
        )
