"""Webhooks: post the event as it came, with a signature that shows the receiver who sent it."""

import hashlib
import hmac

from flows.control.hooks import Hook
from flows.control.posting import Place
from operators.wire.control import ControlEvent


def webhook(url: str, key: str | None, timeout_s: float) -> Hook:
    """Return a hook that posts the event's bytes to `url`, with their HMAC-SHA256 in a header if there is a key.

    Any answer but 2xx is a failure. WrongCommand if `url` is neither http nor https.
    """
    place = Place(url, "--webhook", timeout_s)

    def post(body: bytes, event: ControlEvent) -> None:
        # A receiver may get an event twice, and recognises it by this id. Headers are ASCII.
        name = event.id.encode("ascii", "replace").decode().replace("\n", " ").replace("\r", " ")
        headers = {"X-Rollguard-Event": name}
        if key is not None:
            headers["X-Rollguard-Signature"] = f"sha256={signature(body, key)}"
        place.post(body, headers)

    return post


def signature(body: bytes, key: str) -> str:
    """Return what a receiver compares with the header: hex HMAC-SHA256 of the body as it came.

    >>> signature(b"{}", "a key of some length")[:16]
    '9d7e153fcfd61650'
    """
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
