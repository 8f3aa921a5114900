"""A ClickHouse server for tests: HTTP over the embedded engine, in a process of its own, with faults to order.

It speaks as much of the protocol as the unmodified driver uses here. `Bridge` is the test's side; run as a program
this file is the server: `clickhouse_bridge.py FOLDER PORT` (0 = any free port, which it prints).
"""

import base64
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

import lz4.frame  # type: ignore[import-untyped]

USER, PASSWORD = "rollguard", "a-secret"

# What happens to the next inserts: stored but not answered; neither; 503; stored after a pause; too many parts; an
# error that looks as if it were of a row; nothing.
Fault = Literal["none", "lost_ack", "reset", "unavailable", "stall", "too_many_parts", "cannot_read"]


class Bridge:
    """Starts the server, orders faults, kills it and starts it again on the same port and folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, __file__, str(self._folder), str(self.port)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self, *, kill: bool = False) -> None:
        if self._process is None:
            return
        if kill:
            self._process.kill()
        # Closes its standard input, which ends the server, and waits.
        self._process.communicate()
        self._process = None

    def url(self, database: str, password: str = PASSWORD) -> str:
        return f"http://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def order(self, *faults: Fault) -> None:
        self._ask(f"/order?faults={','.join(faults)}")

    def inserts(self) -> list[dict[str, Any]]:
        """Return what every insert since the last order came to: its token and whether it was carried out."""
        return json.loads(self._ask("/inserts"))  # type: ignore[no-any-return]

    def _ask(self, path: str) -> bytes:
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return answer.read()  # type: ignore[no-any-return]


STALL_S = 1.3  # More than the shortest time-out that the driver knows, 1 s.

# Parameters of the protocol; every other one is a setting.
_NO_SETTINGS = {"query", "database", "query_id", "session_id", "wait_end_of_query", "client_protocol_version"}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder: str, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.folder = folder
        self.lock = threading.Lock()
        self.faults: list[str] = []
        self.inserts: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # Head and body in one packet: otherwise every answer waits 40 ms for the client's kernel.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/order":
            self.server.faults = [fault for fault in dict(parse_qsl(url.query)).get("faults", "").split(",") if fault]
            self.server.inserts = []
        self._answer(200, json.dumps(self.server.inserts).encode())

    def do_POST(self) -> None:
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        body = self._body()
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != wanted:
            self._fail(516, f"Code: 516. DB::Exception: {USER}: Authentication failed. (AUTHENTICATION_FAILED)", 403)
            return
        sql = given.get("query", "").encode() + (b"\n" if "query" in given else b"") + body
        head, payload = _split(sql)
        if payload is None:
            self._run(given, sql.decode(), None)
        else:
            self._insert(given, head, payload)

    def _insert(self, given: dict[str, str], head: str, payload: bytes) -> None:
        with self.server.lock:
            fault = self.server.faults.pop(0) if self.server.faults else None
            record = {"token": given.get("insert_deduplication_token"), "fault": fault, "done": False}
            self.server.inserts.append(record)
        if fault == "unavailable":
            self._answer(503, b"busy")
        elif fault == "too_many_parts":
            self._fail(252, "Code: 252. DB::Exception: Too many parts. (TOO_MANY_PARTS)", 500)
        elif fault == "cannot_read":
            self._fail(33, "Code: 33. DB::Exception: Cannot read all data. (CANNOT_READ_ALL_DATA)", 500)
        elif fault == "reset":
            self.close_connection = True
        else:
            if fault == "stall":
                time.sleep(STALL_S)
            self._run(given, head, payload, answer=fault != "lost_ack")
            record["done"] = True

    def _run(self, given: dict[str, str], sql: str, payload: bytes | None, *, answer: bool = True) -> None:
        try:
            result = _execute(self.server.folder, given, sql, payload)
        except RuntimeError as error:
            code = re.search(r"Code: (\d+)", str(error))
            self._fail(int(code[1]) if code else 1001, str(error), 500)
            return
        if answer:
            self._answer(200, result, {"X-ClickHouse-Format": "Native"} if result else {})
        else:
            self.close_connection = True

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "lz4":
            return bytes(lz4.frame.decompress(body))
        return body

    def _fail(self, code: int, text: str, status: int) -> None:
        self._answer(status, text.encode(), {"X-ClickHouse-Exception-Code": str(code)})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "X-ClickHouse-Timezone": "UTC",
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the test reads `inserts`."""


def _split(sql: bytes) -> tuple[str, bytes | None]:
    """Part `INSERT ... FORMAT name` from the data behind it."""
    match = re.match(rb"(?is)\s*(INSERT\s+INTO\s[^;]*?\sFORMAT\s+\w+)\s*?\n", sql)
    return (match[1].decode(), sql[match.end() :]) if match else (sql.decode(errors="replace"), None)


def _execute(folder: str, given: dict[str, str], sql: str, payload: bytes | None) -> bytes:
    import chdb  # noqa: PLC0415  # Above it would load the engine into the test's process as well.

    params = {name.removeprefix("param_"): value for name, value in given.items() if name.startswith("param_")}
    connection = chdb.connect(folder)  # One per request, so that no setting outlives it.
    try:
        if "database" in given:
            connection.query(f"USE `{given['database']}`")
        for name, value in given.items():
            if name not in _NO_SETTINGS and not name.startswith(("param_", "send_progress", "http_")):
                connection.query(f"SET {name} = '{value}'")
        if payload is None:
            return bytes(connection.query(sql, "TabSeparated", params=params).bytes() or b"")
        with _file(payload) as name:
            connection.query(re.sub(r"(?i)\sFORMAT\s+(\w+)$", rf" FROM INFILE '{name}' FORMAT \1", sql), "TabSeparated")
        return b""
    finally:
        connection.close()


@contextmanager
def _file(content: bytes) -> Iterator[str]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        yield file.name


def main(folder: str, port: int) -> None:
    import chdb  # noqa: PLC0415

    engine = chdb.connect(folder)  # Keeps the engine running between requests.
    server = _Server(folder, port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)  # noqa: T201  # The test reads the port.
    sys.stdin.read()  # Ends with the test, however that ends.
    server.shutdown()
    server.server_close()
    engine.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
