"""One address on loopback that speaks OpenAI's chat protocol: the judge, and each version of the assistant, by name."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from flows.demo.llm.assistant import PROMPTS, answer
from flows.demo.llm.judge import judgement

JUDGE = "scripted-judge"
PATH = "/v1/chat/completions"
BODY_MAX = 1 << 20
POLL_S = 0.02


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Head and body are separate writes.

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_MAX))
        try:
            asked = json.loads(body)
            text = _text(str(asked["model"]), str(asked["messages"][-1]["content"]))
        except (ValueError, KeyError, IndexError, TypeError):
            self._send(400, {"error": {"message": "no such model, or no question"}})
            return
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": len(body) // 4, "completion_tokens": len(text) // 4}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        self._send(200 if self.path == PATH else 404, {"choices": choices, "usage": usage})

    def _send(self, status: int, answered: Any) -> None:
        body = json.dumps(answered).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _text(model: str, asked: str) -> str:
    if model == JUDGE:
        return judgement(asked)
    if model not in PROMPTS:
        raise KeyError(model)
    return answer(model, asked).text


@contextmanager
def endpoint() -> Iterator[str]:
    """Serve while the context lasts; give the address up to /chat/completions."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
