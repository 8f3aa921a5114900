"""Views of the current tables: TABLE_latest has every column of TABLE, and no superseded row.

ClickHouse keeps the columns that a view had when it was created, whatever `SELECT *` in it would mean today.
"""

from clickhouse_connect.driver.client import Client

LATEST = "_latest"

_COLUMNS = (
    "SELECT table, groupArray(name) FROM (SELECT table, name FROM system.columns"
    " WHERE database = {database:String} ORDER BY table, position) GROUP BY table"
)


def renew_views(client: Client, database: str, on_cluster: str) -> list[str]:
    """Create each TABLE_latest anew whose columns are not those of its table; return their names.

    `on_cluster` follows a name in statements for all servers.
    """
    columns = {row[0]: row[1] for row in client.query(_COLUMNS, {"database": database}).result_rows}
    stale = [
        view
        for view in sorted(columns)
        if view.endswith(LATEST) and set(columns[view]) != set(columns[view.removesuffix(LATEST)])
    ]
    for view in stale:
        table = view.removesuffix(LATEST)
        names = ", ".join(f"`{name}`" for name in columns[table])
        shown = f"SELECT {names} FROM {database}.{table} FINAL"  # noqa: S608  # Names of existing tables.
        client.command(f"CREATE OR REPLACE VIEW {database}.{view} {on_cluster} AS {shown}")
    return stale
