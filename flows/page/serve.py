"""Serves the page from a thread: beside a run that it shows, or in a program of its own."""

import socket
import threading
from collections.abc import Collection

import uvicorn

from flows.page.access import Access
from flows.page.app import Page
from flows.page.connections import Connection
from flows.page.desk import Desk
from flows.page.security import check

LISTEN = "127.0.0.1:8088"
DRAIN_S = 2
CONNECTIONS_MAX = 256
HEAD_MAX = 16 << 10  # Bytes of a request's address and headers.


class Server:
    """The page of a store at `host:port`; port 0 is any free one. OSError where it is taken; NotAllowed.

    The address is taken at once, and requests wait until `begin`, as the store may have to be made first.
    """

    def __init__(
        self,
        url: str,
        listen: str = LISTEN,
        token: str | None = None,
        names: Collection[str] = (),
        proxies: Collection[str] = (),
        desk: Desk | None = None,
    ) -> None:
        host, _, port = listen.rpartition(":")
        host = host.strip("[]") or "127.0.0.1"
        access = Access.of(token, names, proxies)
        check(host, token, names, bool(proxies))
        self._socket = _listening(host, int(port), listen)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._socket.getsockname()[1]}/"
        self.page = Page(url, access, desk)
        self._server = uvicorn.Server(_config(self.page))
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True, name="page")

    def begin(self) -> None:
        """Answer requests from now on."""
        if self._thread.ident is None:
            self._thread.start()

    def end(self) -> None:
        self.page.end()
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join()
        self._socket.close()


def _listening(host: str, port: int, listen: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listens = socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(error.errno, error.strerror, listen) from error
    # asyncio sets this only on sockets that name TCP; without it each answer in two parts waits 40 ms for the first
    # one's acknowledgement. Connections inherit it from the listening socket.
    listens.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listens


def _config(page: Page) -> uvicorn.Config:
    return uvicorn.Config(
        page,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # The client is whoever has connected; only `Access` believes a proxy.
        lifespan="on",
        timeout_graceful_shutdown=DRAIN_S,
        limit_concurrency=CONNECTIONS_MAX,
        http=Connection,  # Other protocols that may be installed take heads of any size.
        ws="none",
        h11_max_incomplete_event_size=HEAD_MAX,
    )
