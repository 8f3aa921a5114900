"""Tables that somebody dropped, made again: the books of migrations say what was done, not what still exists."""

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Template

from clickhouse_connect.driver.client import Client
from clickhouse_migrations.migrator import Migrator

from operators.store.columns import TABLES

_OF_TABLE = re.compile(r"(?:\s|--[^\n]*\n)*(?:CREATE TABLE IF NOT EXISTS|ALTER TABLE)\s+(\w+)", re.IGNORECASE)


def lost_tables(client: Client, database: str) -> list[str]:
    """Return the missing tables. Only for a user who may see all tables: to others, hidden ones seem missing."""
    query = "SELECT name FROM system.tables WHERE database = {database:String}"
    known = {row[0] for row in client.query(query, {"database": database}).result_rows}
    return [name for name in TABLES if name not in known]


def make_again(client: Client, lost: Sequence[str], scripts: Sequence[str], variables: Mapping[str, str]) -> None:
    """Repeat in the database of `client`, in order, what the scripts of all migrations do to the lost tables."""
    for table, statement in _statements(scripts, variables):
        if table in lost:
            client.command(statement)


def _statements(scripts: Sequence[str], variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for script in scripts:
        for statement in Migrator.script_to_statements(Template(script).safe_substitute(variables), True):
            found = _OF_TABLE.match(statement)
            if found is not None:
                yield found[1], statement
