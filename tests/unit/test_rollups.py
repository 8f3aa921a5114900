"""Roll-ups are written once: those of the day, and of any other grain, follow from those of the hour."""

from infra.rollups import GRAINS, Grain, rollups
from operators.connectors.clickhouse.migrations import variables
from tests.conftest import MIGRATIONS, Embedded


def test_those_of_the_day_are_what_is_printed() -> None:
    landed = (MIGRATIONS / "0007_rollups_1d.sql").read_text()
    assert landed[landed.index("CREATE TABLE") :] == rollups("day", GRAINS["day"])


def test_those_of_a_grain_that_is_not_there_yet_can_be_made(embedded_clickhouse: Embedded) -> None:
    week = Grain("1w", "toMonday", 604_800_000, "1 HOUR", "1d")
    text = rollups("week", week)
    assert "_1h" not in text
    assert "hour" not in text.lower().replace("1 hour", "")
    for name, value in variables(None).items():
        text = text.replace(f"${{{name}}}", value)
    client = embedded_clickhouse.client
    for statement in filter(str.strip, text.split(";\n")):
        client.command(statement)
    query = "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE '%_1w' ORDER BY name"
    assert client.query(query).result_rows == [("measure_pane_1w",), ("outcome_pane_1w",), ("sli_pane_1w",)]
