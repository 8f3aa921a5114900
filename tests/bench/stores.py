"""Sinks of the benchmark: rows are dropped, made the bytes that are sent, sent to a server that drops them, kept."""

import http.client
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from bytewax.outputs import DynamicSink, StatelessSinkPartition

from flows import settings
from operators.connectors.clickhouse.client import ClickHouseSink, held
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.clickhouse.refused import Poison
from operators.store.rows import Rows
from tests.bench.flows import Discard

SINKS = ("rows", "bytes", "server", "store")
FLUSHED = 200  # Batches of rows that are stored together: about an epoch of a second.


@contextmanager
def sink_of(name: str, folder: Path) -> Iterator[Any]:
    """Yield what takes rows: `rows` drops them, `bytes` makes what is sent, `server` sends it, `store` keeps it."""
    if name == "rows":
        yield Discard()
    elif name == "bytes":
        yield _Sending(Nowhere())
    elif name == "server":
        with _server() as port:
            yield _Sending(_Posting(port))
    else:
        url = settings.embedded(folder)
        with held(url):
            migrate(url, settings.migrations())
            yield ClickHouseSink(url, _refuse)


def _refuse(poison: Poison) -> None:
    raise AssertionError(f"a row of {poison.table} is refused: {poison.error}")


class Nowhere:
    """The part of a driver that sends a block: it does not."""

    def raw_insert(
        self, table: str, column_names: list[str], insert_block: bytes, settings: dict[str, Any], fmt: str
    ) -> None:
        pass


class _Posting:
    """The part of a driver that sends a block, over a connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def raw_insert(
        self, table: str, column_names: list[str], insert_block: bytes, settings: dict[str, Any], fmt: str
    ) -> None:
        self._connection.request("POST", f"/?table={table}", insert_block)
        self._connection.getresponse().read()


class _Sending(DynamicSink[Any]):
    def __init__(self, client: Nowhere | _Posting) -> None:
        self._client = client

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "_SendingPart":
        return _SendingPart(Inserter(self._client, _refuse))


class _SendingPart(StatelessSinkPartition[Any]):
    def __init__(self, inserter: Inserter) -> None:
        self._inserter, self._batches = inserter, 0

    def write_batch(self, items: list[tuple[str, Rows]]) -> None:
        for _, rows in items:
            self._inserter.add(rows)
        self._batches += 1
        if self._batches % FLUSHED == 0:
            self._inserter.flush()

    def close(self) -> None:
        self._inserter.flush()


@contextmanager
def _server() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.bench.stores"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


class _Throwing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        left = int(self.headers["Content-Length"])
        while left:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # As the class has it.
        pass


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), _Throwing)
    print(server.server_port, flush=True)
    server.serve_forever()
