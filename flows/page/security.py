"""Restricts the page: the addresses it listens on, the host names it answers to, and who may see it."""

import base64
import hashlib
import hmac
import ipaddress
import time
from collections.abc import Collection

from starlette.requests import Request

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
COOKIE = "rollguard"
SESSION_S = 12 * 3_600
TOKEN_MIN = 16


class NotAllowed(ValueError):
    """The page may not be served like this."""


def is_loopback(host: str) -> bool:
    """Tell whether only programs on this machine can reach an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0"), is_loopback("::1")
    (True, True, False, True)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check(host: str, token: str | None, names: Collection[str], is_proxied: bool = False) -> None:
    """NotAllowed unless the page is for this machine alone, or has a token or a proxy, and a list of names."""
    if token is not None and len(token) < TOKEN_MIN:
        raise NotAllowed(f"ROLLGUARD_PAGE_TOKEN must have at least {TOKEN_MIN} characters")
    if is_loopback(host):
        return
    if token is None and not is_proxied:
        raise NotAllowed(f"{host} is reached by others: set ROLLGUARD_PAGE_TOKEN, or listen on 127.0.0.1")
    if not names:
        raise NotAllowed(f"{host} is reached by others: name the page's address with --name, against DNS rebinding")


def host_of(request: Request) -> str:
    """Return the name that a browser asks for, without its port."""
    text = request.headers.get("host", "")
    return text.partition("]")[0] + "]" if text.startswith("[") else text.partition(":")[0]


def session(token: str, user: str = "", now: float | None = None) -> str:
    """Return a cookie that is valid for half a day; `user` is the name that its holder claims."""
    until = str(round((time.time() if now is None else now) + SESSION_S))
    name = base64.urlsafe_b64encode(user.encode()).decode()
    return f"{until}.{name}.{sign(token, f'page {until} {name}')}"


def user_of(token: str, cookie: str, now: float | None = None) -> str | None:
    """Return the user whom a cookie was given to; None where it was not made with this token, or has expired.

    >>> given = session("x" * 16, "ann", now=0.0)
    >>> user_of("x" * 16, given, now=1.0), user_of("y" * 16, given, now=1.0), user_of("x" * 16, given, now=1e6)
    ('ann', None, None)
    """
    until, _, rest = cookie.partition(".")
    name, _, signature = rest.partition(".")
    wanted = sign(token, f"page {until} {name}")
    if not until.isdigit() or not hmac.compare_digest(signature.encode(), wanted.encode()):
        return None
    if int(until) <= (time.time() if now is None else now):
        return None
    return base64.urlsafe_b64decode(name).decode()


def is_token(token: str, given: str) -> bool:
    """Tell whether `given` is the token, in a time that does not reveal how much of it is right."""
    return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), hashlib.sha256(token.encode()).digest())


def sign(token: str, text: str) -> str:
    """Return the signature of a text, which only a holder of the token can make."""
    return hmac.new(token.encode(), f"rollguard {text}".encode(), hashlib.sha256).hexdigest()
