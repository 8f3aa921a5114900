"""Reads forms that browsers send, up to a small limit, as the sender may not have logged in yet."""

import asyncio
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

BODY_MAX = 64 << 10  # Bytes: many times what a form of the page has.
BODY_S = 10.0  # Seconds for a whole body.
_CLOSE = {"Connection": "close"}  # Unread bytes must not be taken for the next request.


async def form_of(request: Request, wait_s: float = BODY_S) -> dict[str, str]:
    """Return the first value of each field of a form.

    HTTPException where the form is larger than `BODY_MAX`, as declared or as received (413), where it takes longer than
    `wait_s` (408), or where the sender goes away before its end (400).
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > BODY_MAX:
        raise _too_large()
    try:
        async with asyncio.timeout(wait_s):
            body = await _read(request)
    except TimeoutError as error:
        raise HTTPException(408, "the form took too long", _CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the form has no end", _CLOSE) from error
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > BODY_MAX:
            raise _too_large()
    return bytes(body)


def _too_large() -> HTTPException:
    return HTTPException(413, f"a form has at most {BODY_MAX} bytes", _CLOSE)
