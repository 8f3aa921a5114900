"""Addresses of ClickHouse, without connecting.

Address                                        what it names
chdb:///absolute/path                          a folder that this process opens with the engine itself
http(s)://user:password@host:port/database     a server

The database is `rollguard` unless the address names one (for the embedded engine: `?database=name`).
"""

import re
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import msgspec

DATABASE = "rollguard"

# In a password these characters would be read as other parts of the address.
_ESCAPE = "write / ? # in a password as %2F %3F %23"


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where ClickHouse is. `str()` of it shows no user and no password."""

    path: str | None  # The embedded engine's folder, else None.
    interface: str
    host: str
    port: int
    username: str
    password: str
    database: str

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Parse an address as above; ValueError, which repeats no part that may be a password's, for any other."""
        parts = urlsplit(url)
        embedded = parts.scheme == "chdb"
        if parts.scheme not in {"chdb", "http", "https"}:
            found = f"with {parts.scheme}:" if parts.scheme else "with none of them"
            raise ValueError(f"a ClickHouse address starts with chdb://, http:// or https://; this one begins {found}")
        if embedded and (parts.netloc or parts.path in {"", "/"}):
            raise ValueError("the embedded ClickHouse needs an absolute path: chdb:///path/of/the/folder")
        if not embedded and not parts.hostname:
            raise ValueError(f"a ClickHouse address needs a host: {parts.scheme}://user:password@host:port/database")
        named = parse_qs(parts.query).get("database", [""])[0] if embedded else unquote(parts.path.strip("/"))
        database = named or DATABASE
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", database):
            raise ValueError(f"a database is named by letters, digits and _; {_ESCAPE}")
        return cls(
            path=unquote(parts.path) if embedded else None,
            interface=parts.scheme,
            host=parts.hostname or "",
            port=_port(parts),
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            database=database,
        )

    def __str__(self) -> str:
        return self.path or f"{self.interface}://{self.host}:{self.port}"

    __repr__ = __str__


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or (8443 if parts.scheme == "https" else 8123)
    except ValueError:
        raise ValueError(f"the port of ClickHouse must be a number; {_ESCAPE}") from None
