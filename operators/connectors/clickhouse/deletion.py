"""Deletes what ClickHouse stores about one user."""

from collections.abc import Mapping, Sequence

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError

from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.errors import brief
from operators.connectors.clickhouse.query import QueryRefused
from operators.pseudonyms import MARK

# Requests last, and cases after the answers to them, as other rows are found through these. Superseded rows go, too.
# Several models may have requests with the same id, of different users.
_THEIRS = "SELECT model, request_id FROM request WHERE user_id IN {names:Array(String)}"
WHERE: Mapping[str, str] = {
    "feedback": f"(model, request_id) IN ({_THEIRS})",
    # As the text of this very field: a name may be part of another, or the name of a field.
    "dead_letter": "arrayExists(name -> position(replaceAll(value, '\"user_id\": ', '\"user_id\":'), "
    "concat('\"user_id\":\"', name, '\"')) > 0, {names:Array(String)})",
    "eval_result": "id IN (SELECT id FROM eval_case WHERE user_id IN {names:Array(String)})",
    "eval_case": "user_id IN {names:Array(String)}",
    "triage_case": "user_id IN {names:Array(String)}",
    "request": "user_id IN {names:Array(String)}",
}


def delete_user(url: str, names: Sequence[str]) -> dict[str, int]:
    """Delete the rows of a user who is stored by these names; return their number by table, with superseded ones.

    QueryRefused where the user of `url` has no right to delete.
    """
    client = open_clickhouse(url)
    try:
        return {table: _delete(client, table, names) for table in WHERE}
    except DriverError as error:
        raise QueryRefused(brief(error)) from error
    finally:
        client.close()


def holds_hashed(url: str) -> bool:
    """Tell whether there are requests whose user is stored as a hash (`operators/pseudonyms.py`)."""
    client = open_clickhouse(url)
    try:
        found = client.query("SELECT count() FROM request WHERE startsWith(user_id, {mark:String})", {"mark": MARK})
        return bool(found.result_rows[0][0])
    except DriverError as error:
        raise QueryRefused(brief(error)) from error
    finally:
        client.close()


def _delete(client: Client, table: str, names: Sequence[str]) -> int:
    given = {"names": list(names)}
    found = client.query(f"SELECT count() FROM {table} WHERE {WHERE[table]}", parameters=given)  # noqa: S608
    count = int(found.result_rows[0][0])
    if count:
        client.command(f"DELETE FROM {table} WHERE {WHERE[table]}", parameters=given)  # noqa: S608
    return count
