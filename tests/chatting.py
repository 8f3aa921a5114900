"""A server on loopback that speaks OpenAI's chat protocol: its answer is a function of the model and the text."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import msgspec


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it goes over the wire: by default a completion that holds `text`."""

    text: str = ""
    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = {}

    @property
    def payload(self) -> bytes:
        if self.body is not None:
            return self.body
        message = {"role": "assistant", "content": self.text}
        return json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request: the body, and some headers in lower case."""

    body: dict[str, Any]
    headers: dict[str, str]
    path: str

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def text(self) -> str:
        return str(self.body["messages"][-1]["content"])


class Chat(msgspec.Struct, frozen=True):
    """Where the server listens, and all requests so far."""

    url: str
    calls: list[Call]


@contextmanager
def chat(script: Callable[[Call, int], Reply]) -> Iterator[Chat]:
    """Serve `script`, which gets each call and how often the same body came before."""
    calls: list[Call] = []
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            call = Call(body=body, headers=headers, path=self.path)
            with lock:
                before = sum(each.body == body for each in calls)
                calls.append(call)
            reply = script(call, before)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.payload)))
            self.end_headers()
            self.wfile.write(reply.payload)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Chat(f"http://127.0.0.1:{server.server_address[1]}/v1", calls)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
