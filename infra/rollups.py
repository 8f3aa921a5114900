"""Prints the SQL of roll-ups of a coarser grain, for a new migration: `python infra/rollups.py day`.

Roll-ups are written once, in clickhouse/0006_rollups_1h.sql, and every other grain is made from that text. A migration
that was applied is never edited: a new grain, or a changed one, gets a file of its own.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

HOURS = Path(__file__).parent / "clickhouse" / "0006_rollups_1h.sql"
TABLES = ("sli_pane", "outcome_pane", "measure_pane")


class Grain(NamedTuple):
    """A length of time: the suffix of its tables' names, the function for its start, and how often it is refreshed.

    It is merged from the tables whose names end with `finer`, and kept for ever.
    """

    suffix: str
    start: str
    length_ms: int
    every: str
    finer: str


GRAINS = {"day": Grain("1d", "toStartOfDay", 86_400_000, "10 MINUTE", "1h")}


def rollups(name: str, grain: Grain) -> str:
    """Return the statements that make the tables of a grain, their refreshes and their views."""
    text = HOURS.read_text()
    text = text[text.index("CREATE TABLE") :]
    for table in TABLES:
        text = re.sub(rf"FROM {table} AS (p|fresh)\b", rf"FROM {table}_{{finer}} AS \1", text)
    changes = {
        "_1h": f"_{grain.suffix}",
        "{finer}": grain.finer,
        "the hour": f"the {name}",
        "toStartOfHour": grain.start,
        "3600000": str(grain.length_ms),
        "EVERY 1 MINUTE": f"EVERY {grain.every}",
        "fresh.inserted_at": "fresh.refreshed_at",
        "TTL toDateTime(refreshed_at) + INTERVAL 400 DAY DELETE\n": "",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


if __name__ == "__main__":
    sys.stdout.write(rollups(sys.argv[1], GRAINS[sys.argv[1]]))
