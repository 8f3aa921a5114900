"""The page and the queries for people say the same of which alerts are open."""

from pathlib import Path

import pytest

QUERIES = Path(__file__).parents[2] / "infra" / "clickhouse"
BY_HAND, PAGE = QUERIES / "queries" / "alerts_open.sql", QUERIES / "page" / "alerts.sql"


def taken(path: Path) -> list[str]:
    """Return which events a query takes, and which it groups, but for the moment that the page is asked for."""
    text = path.read_text()
    lines = text[text.index("FROM (") : text.index("ORDER BY")].splitlines()
    # The page asks for each event once itself, sooner than FINAL does.
    return [line.replace("control_latest AS", "control AS") for line in lines if "{at:" not in line]


def test_open_alerts_are_the_same_by_hand_and_on_the_page() -> None:
    assert taken(BY_HAND) == taken(PAGE)


@pytest.mark.parametrize("path", [BY_HAND, PAGE], ids=["by_hand", "page"])
def test_what_nobody_can_look_after_is_no_open_alert(path: Path) -> None:
    assert any("'release', 'override'" in line and "commands:" in line for line in taken(path))
