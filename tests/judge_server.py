"""An endpoint that speaks OpenAI's chat protocol, scripted by the texts that it is asked to judge.

The judged answer says what happens: `#429`, `#500`, `#hang`, `#broken`, `#prose` and the others of FAULT fail once for
that answer, with `!` (`#500!`) always. Else the score is 5 less the words "bad" in the answer, less
`strictness`, and at least 1.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULT = re.compile(r"#(429|500|403|hang|broken|prose|stream|no-choice|off-scale)(!?)")


class JudgeServer(ThreadingHTTPServer):
    """`requests` has the bodies as they came, `asked` how often each judged answer came."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, latency_s: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.latency_s, self.strictness, self.hang_s = latency_s, 0, 60.0
        self.requests: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.asked: Counter[str] = Counter()
        self.at_once = self.at_once_max = 0
        self.lock = threading.Lock()
        self.released = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that gave up is not an error of the server."""


class _Handler(BaseHTTPRequestHandler):
    server: JudgeServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        server = self.server
        asked = json.loads(body)
        judged = json.loads(asked["messages"][1]["content"])["output"]
        with server.lock:
            server.requests.append(body)
            server.headers.append(dict(self.headers.items()))
            server.asked[judged] += 1
            first = server.asked[judged] == 1
            server.at_once += 1
            server.at_once_max = max(server.at_once_max, server.at_once)
        try:
            time.sleep(server.latency_s)
            fault = FAULT.search(judged)
            self._answer(asked, judged, fault[1] if fault and (first or fault[2]) else "")
        finally:
            with server.lock:
                server.at_once -= 1

    def _answer(self, asked: dict[str, Any], judged: str, fault: str) -> None:
        if asked.get("stream"):
            self._send(400, {"error": {"message": "streaming is not supported"}})
        elif self.path != "/v1/chat/completions":
            self._send(404, {"error": {"message": self.path}})
        elif fault == "429":
            self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0.1"})
        elif fault in ("500", "403"):
            self._send(int(fault), {"error": {"message": "no"}})
        elif fault == "hang":
            self.server.released.wait(self.server.hang_s)
        elif fault == "stream":
            self._send_bytes(200, b'data: {"choices": [{"delta": {"content": "5"}}]}\n\n', "text/event-stream")
        elif fault == "no-choice":
            self._send(200, {"choices": []})
        else:
            self._send(200, self._completion(asked, judged, fault))

    def _completion(self, asked: dict[str, Any], judged: str, fault: str) -> dict[str, Any]:
        names = list(asked["response_format"]["json_schema"]["schema"]["properties"])
        score = 9 if fault == "off-scale" else max(5 - judged.count("bad") - self.server.strictness, 1)
        content = json.dumps({name: {"reason": f"{judged.count('bad')} bad words", "score": score} for name in names})
        content = {"broken": content[:-5], "prose": "I would give this a 4."}.get(fault, content)
        message = {"role": "assistant", "content": content}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}

    def _send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(body).encode(), "application/json", headers)

    def _send_bytes(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def judge_server(latency_s: float = 0.0) -> Iterator[JudgeServer]:
    """A server that is stopped at the end, and then releases requests that hang."""
    server = JudgeServer(latency_s)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
