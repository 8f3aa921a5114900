"""Posts to a configured address, which may hold a secret and is never shown whole."""

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from flows.control.commands import WrongCommand
from flows.control.hooks import HookFailed
from operators.connectors.redirects import NoRedirect

GRAPHIC = re.compile(r"[!-~]+")  # The characters of an address: no space, no control character.
REFUSED = (400, 413, 422)  # Sending the same again would be refused again.


class Refused(HookFailed):
    """The receiver says that the message is wrong."""


class Place:
    """Takes JSON at `url`, which was given by `option`. WrongCommand if it is neither http nor https."""

    def __init__(self, url: str, option: str, timeout_s: float) -> None:
        self.shown = _shown(url, option)
        self._url = url
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(NoRedirect)

    def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Post; any answer but 2xx is a failure. HookFailed, Refused."""
        fields = {"Content-Type": "application/json", "User-Agent": "rollguard", **(headers or {})}
        request = urllib.request.Request(self._url, body, fields, method="POST")  # noqa: S310  # `_shown` looked at it.
        try:
            with self._opener.open(request, timeout=self._timeout_s):
                pass
        except urllib.error.HTTPError as error:
            error.close()  # The error holds the connection.
            failure = Refused if error.code in REFUSED else HookFailed
            raise failure(f"{self.shown}: answered {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise HookFailed(f"{self.shown}: {_why(error)}") from error


def _shown(url: str, option: str) -> str:
    """Return the part of an address that may be shown: many have a secret in their path."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError as error:
        raise WrongCommand(f"{option}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not GRAPHIC.fullmatch(url):
        raise WrongCommand(f"{option}: must be an address such as https://host/path")
    return f"{parts.scheme}://{parts.hostname}{port}"


def _why(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
