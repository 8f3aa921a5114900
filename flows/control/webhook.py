"""Webhooks: the event posted as it came, with a signature by which the receiver knows the sender."""

import hashlib
import hmac
import http.client
import urllib.error
import urllib.request
from typing import IO
from urllib.parse import urlsplit

from flows.control.commands import WrongCommand
from flows.control.hooks import Hook, HookFailed
from operators.control import ControlEvent


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would go on as a GET without the event."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def webhook(url: str, key: str | None, timeout_s: float) -> Hook:
    """Return what posts the event's bytes to `url`, with their HMAC-SHA256 in a header if there is a key.

    Any answer but 2xx is a failure. WrongCommand if `url` is none of http or https.
    """
    place = _place(url)
    opener = urllib.request.build_opener(_NoRedirect)

    def post(body: bytes, event: ControlEvent) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "rollguard",
            # A receiver may see an event twice, and knows it by this. Headers are ASCII.
            "X-Rollguard-Event": event.id.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " "),
        }
        if key is not None:
            headers["X-Rollguard-Signature"] = f"sha256={signature(body, key)}"
        request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310  # `_place` looked at it.
        try:
            with opener.open(request, timeout=timeout_s):
                pass
        except urllib.error.HTTPError as error:
            error.close()  # It holds the connection.
            raise HookFailed(f"{place}: answered {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise HookFailed(f"{place}: {_why(error)}") from error

    return post


def signature(body: bytes, key: str) -> str:
    """Return what a receiver compares with the header: hex HMAC-SHA256 of the body as it came.

    >>> signature(b"{}", "a key of some length")[:16]
    '9d7e153fcfd61650'
    """
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def _place(url: str) -> str:
    """Return the part of a webhook's address that may be shown: many have a secret in their path."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError as error:
        raise WrongCommand(f"--webhook: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not url.isascii() or " " in url:
        raise WrongCommand("--webhook: must be an address such as https://host/path")
    return f"{parts.scheme}://{parts.hostname}{port}"


def _why(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
