"""Applies the numbered files of infra/clickhouse, on a server, a cluster or the embedded engine.

clickhouse-migrations keeps the books (table schema_versions) and refuses a file that was changed after it had
been applied.
"""

from pathlib import Path

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError as DriverError
from clickhouse_migrations.clickhouse_cluster import ClickhouseCluster
from clickhouse_migrations.connection import CLICKHOUSE_CONNECT, ClickhouseConnectConnection
from clickhouse_migrations.migration import MigrationStorage

from operators.connectors.clickhouse.address import Address
from operators.connectors.clickhouse.client import connect
from operators.connectors.clickhouse.errors import RefusedError, brief
from operators.connectors.clickhouse.lost_tables import lost_tables, make_again
from operators.connectors.clickhouse.views import renew_views


class _Database(ClickhouseCluster):  # type: ignore[misc]  # The library has no types.
    """The library with our connections, as it does not know the embedded engine."""

    def __init__(self, address: Address) -> None:
        super().__init__(driver=CLICKHOUSE_CONNECT)
        self._address = address

    def connection(self, db_name: str | None = None) -> ClickhouseConnectConnection:
        return ClickhouseConnectConnection(connect(self._address, db_name or None))


def variables(cluster: str | None) -> dict[str, str]:
    """Return the values of the placeholders in the files.

    On a cluster the engine takes path and name of a replica from the server's own configuration.
    """
    if cluster is None:
        return {"ON_CLUSTER": "", "REPLACING": "ReplacingMergeTree"}
    return {"ON_CLUSTER": f"ON CLUSTER '{cluster}'", "REPLACING": "ReplicatedReplacingMergeTree"}


def migrate(url: str, folder: Path, *, cluster: str | None = None, again: bool = False) -> list[str]:
    """Create the database if need be, apply what is not yet applied, and return the names of those files.

    With `again`, tables that were dropped since are made again, empty, and named too; the user must see all tables.

    Every TABLE_latest then has all columns of its table (`views.py`).

    Where everything is applied nothing is created, so that a worker needs no right to do so. RefusedError, such as for
    an unknown cluster.
    """
    address = Address.parse(url)
    storage = MigrationStorage(folder)
    # Held open throughout, because the embedded engine ends with its last client and starts slowly.
    held = connect(address, None)
    try:
        if _is_applied(held, address.database, storage):
            return _made_again(held, address, storage, cluster) if again else []
        applied = _Database(address).apply_migrations(
            address.database,
            storage.migrations(),
            cluster_name=cluster,
            migration_log_format="compact",
            variables=variables(cluster),
            migration_files=storage.migration_filenames(),
        )
        renew_views(held, address.database, variables(cluster)["ON_CLUSTER"])
    except DriverError as error:
        raise RefusedError(str(address), brief(error), getattr(error, "code", None)) from error
    finally:
        held.close()
    names = storage.migration_filenames()
    return [names[migration.version] for migration in applied]


def _made_again(held: Client, address: Address, storage: MigrationStorage, cluster: str | None) -> list[str]:
    lost = lost_tables(held, address.database)
    if lost:
        scripts = [migration.script for migration in storage.migrations()]
        client = connect(address, address.database)
        try:
            make_again(client, lost, scripts, variables(cluster))
            renew_views(client, address.database, variables(cluster)["ON_CLUSTER"])
        finally:
            client.close()
    return [f"table {name}, which was not there any more" for name in lost]


def _is_applied(client: Client, database: str, storage: MigrationStorage) -> bool:
    """Tell whether the books list exactly these files, unchanged, as applied."""
    books = f"SELECT version, argMax(md5, created_at) FROM {database}.schema_versions GROUP BY version"  # noqa: S608
    try:
        rows = client.query(books).result_rows
    except DriverError:
        return False  # No database, no books, or no right to read them: `migrate` finds out which.
    return {row[0]: row[1] for row in rows} == {each.version: each.md5 for each in storage.migrations()}
