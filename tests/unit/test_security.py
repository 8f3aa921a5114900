"""SECURITY.md speaks of every topic and every table, and names nothing that is not there."""

import re
from fnmatch import fnmatch
from pathlib import Path

from flows import settings
from infra.kafka.broker import TOPICS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()
UNUSED = {"rollguard.triage"}  # Made for later: nothing reads or writes it yet.


def rows(heading: str) -> list[str]:
    """The first cells of the table below a heading."""
    part = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.split("|")[1] for line in part.splitlines() if line.startswith("| ")][1:]


def test_every_topic_has_its_threats() -> None:
    named = set(re.findall(r"`([a-z.]+)`", " ".join(rows("Topics"))))
    assert named | UNUSED == {topic.topic for topic in TOPICS}


def test_every_table_has_its_threats() -> None:
    scripts = " ".join(path.read_text() for path in settings.migrations().glob("*.sql"))
    tables = {*re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", scripts), "schema_versions"}
    patterns = re.findall(r"`([a-z_*]+)`", " ".join(rows("ClickHouse")))
    assert {table for table in tables if not any(fnmatch(table, pattern) for pattern in patterns)} == set()
    assert {pattern for pattern in patterns if not any(fnmatch(table, pattern) for table in tables)} == set()


def test_what_it_points_to_is_there() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT) + re.findall(r"`((?:infra|tests|operators|flows)/[\w./]+)`", TEXT)
    assert len(links) > 4
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_setting_that_it_names_is_read() -> None:
    known = {f"ROLLGUARD_{name.upper()}" for name in settings.Settings.__struct_fields__}
    assert set(re.findall(r"ROLLGUARD_[A-Z_]+", TEXT)) <= known
