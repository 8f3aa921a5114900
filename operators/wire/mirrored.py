"""Copies of requests (shadow traffic): a version answers them, and nobody gets the answer.

A version's answers to copies are counted under a name of their own, so that they are compared with what serves, and
never counted with the requests of users. No real version may have such a name (`ingest/reserved.py`).
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase

PREFIX = "__mirrored__/"


def mirrored(version: str) -> str:
    """Return the name under which a version's copies are counted.

    >>> mirrored("v2"), is_mirrored("v2"), is_mirrored(mirrored("v2")), original(mirrored("v2"))
    ('__mirrored__/v2', False, True, 'v2')
    """
    return PREFIX + version


def is_mirrored(version: str) -> bool:
    """Tell whether a name stands for copies."""
    return version.startswith(PREFIX)


def original(version: str) -> str:
    """Return the version that answers the copies counted under a name."""
    return version.removeprefix(PREFIX)


class Mirrors(dict[str, str]):
    """The names under which events are counted, by version: all events of a version that fits a pattern are copies."""

    def __init__(self, patterns: Sequence[str]) -> None:
        super().__init__()
        self._patterns = patterns

    def __missing__(self, version: str) -> str:
        copies = bool(version) and any(fnmatchcase(version, pattern) for pattern in self._patterns)
        name = self[version] = mirrored(version) if copies else version
        return name
