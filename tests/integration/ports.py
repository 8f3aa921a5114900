"""Ports for servers of tests, which the tests of other processes at the same time do not get."""

import os
import socket
from collections.abc import Iterator

# The system gives clients theirs from 32,768 on: one of them could sit on the port of a broker while that is down.
FIRST, PAST = 12_000, 32_000


def _numbers() -> Iterator[int]:
    """All ports, each process from a place of its own on.

    Those of processes that were started one after the other lie far apart, as by the golden ratio: what one of them
    gave to a server that is down for a while, no other one comes to.
    """
    at = os.getpid() * 12_361 % (PAST - FIRST)
    while True:
        yield FIRST + at
        at = (at + 1) % (PAST - FIRST)


_NUMBERS = _numbers()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different, and others the next time."""
    ports: list[int] = []
    while len(ports) < count:
        port = next(_NUMBERS)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
    return ports
