"""Closes connections whose sender never ends a request, or never reads, so that a few of these cannot take all."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

IDLE_S = 10.0


class Connection(H11Protocol):
    """uvicorn's connection waits for ever for the end of a head, or of a body that is not read; this one does not.

    It is closed after `IDLE_S` seconds, at most twice that, in which no request began and none was being answered, or
    the client took nothing of an answer.
    """

    _look: asyncio.TimerHandle
    _left: tuple[object, int] = None, 0  # The answer under way at the last check, and its bytes that were not taken.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look = self.loop.call_later(IDLE_S, self._close_idle, None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._look.cancel()
        super().connection_lost(exc)

    def _close_idle(self, answered: object) -> None:
        """Close it if the last request is still `answered`, the one answered at the last check; None: none."""
        now = self.cycle
        if now is not None and not now.response_complete:
            (before, had), left = self._left, self.transport.get_write_buffer_size()
            if before is now and 0 < had <= left:
                self.transport.abort()
                return
            self._left = now, left
            self._look = self.loop.call_later(IDLE_S, self._close_idle, self)  # Equals no request: it is not idle.
        elif now is answered:
            self.transport.abort()
        else:
            self._look = self.loop.call_later(IDLE_S, self._close_idle, now)
