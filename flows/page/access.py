"""Who may see the page, and under which name: all on this machine, those with the token, or those a proxy names."""

import ipaddress
from collections.abc import Collection

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from flows.page.security import COOKIE, LOOPBACK_NAMES, NotAllowed, host_of, is_token, user_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
USER_HEADER = "x-forwarded-user"
USER_MAX = 200
NOBODY = ""  # A user who may see the page, but has no known name.
PROBES = ("/livez", "/readyz")


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """`token` is what people log in with; `proxies` may set `X-Forwarded-User`; `names` are the page's."""

    token: str | None = None
    names: frozenset[str] = LOOPBACK_NAMES
    proxies: tuple[Network, ...] = ()

    @classmethod
    def of(cls, token: str | None, names: Collection[str] = (), proxies: Collection[str] = ()) -> "Access":
        """NotAllowed where a proxy is not a network."""
        return cls(token=token, names=frozenset(names) | LOOPBACK_NAMES, proxies=tuple(map(_network, proxies)))

    def refusal(self, request: Request) -> Response | None:
        """Return the refusal of a request that may not see this, None for all others."""
        path = request.url.path
        if path in PROBES:  # A supervisor knows addresses, not names.
            return None
        if host_of(request) not in self.names:
            return PlainTextResponse("this page does not answer to that name\n", 421)
        if path == "/login" or path.startswith("/static/") or self.user(request) is not None:
            return None
        if self.proxies:
            return PlainTextResponse("come through the proxy, which says who you are\n", 403)
        return RedirectResponse("/login", 303)

    def user(self, request: Request) -> str | None:
        """Return the user, `NOBODY` for one without a name, None for one who may not see the page."""
        if self.proxies:
            return self._proxied(request)
        if self.token is None:
            return NOBODY
        bearer = request.headers.get("authorization", "")
        if bearer.startswith("Bearer ") and is_token(self.token, bearer.removeprefix("Bearer ")):
            return NOBODY
        return user_of(self.token, request.cookies.get(COOKIE, ""))

    def _proxied(self, request: Request) -> str | None:
        """Return the user whom the proxy names; only proxies may name users, and two names count as none."""
        peer = request.client.host if request.client is not None else ""
        try:
            trusted = any(ipaddress.ip_address(peer) in network for network in self.proxies)
        except ValueError:
            return None
        users = request.headers.getlist(USER_HEADER)
        user = users[0].strip() if trusted and len(users) == 1 else ""
        return user if user and user.isprintable() and len(user) <= USER_MAX else None


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise NotAllowed(f"--proxy-from {text}: is no network such as 10.0.0.0/8") from error
