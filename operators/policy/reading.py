"""Turns TOML values into typed ones: durations, and faults that name their key and value."""

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from operators.policy.errors import PolicyError
from operators.policy.misfits import misfit_of

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SPAN_MS_MAX = 366 * UNITS_MS["d"]  # For windows and the late horizon; times far from any event are no times.
DURATION_ALLOWED = 'must be a duration such as "500ms", "10s", "5m", "1h", "30d"'

T = TypeVar("T")
NAME = "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"
NAME_ALLOWED = 'must be letters, digits, "_", "." or "-", at most 64, and begin with a letter or "_"'
Name = Annotated[str, Meta(pattern=NAME)]
# "hold", "kill", or a version; `*` and __other__ stand for several versions, and are none.
FallbackName = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"^(?!\*$)(?!__other__)")]

Inner = Annotated[float, Meta(gt=0, lt=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Above = Annotated[float, Meta(gt=0)]
Positive = Annotated[int, Meta(ge=1)]
LearnedFrom = Annotated[int, Meta(ge=2, le=100_000)]  # Values.
Confidence = Annotated[float, Meta(ge=0.5, lt=1)]


_WORDS = ("hold", "kill")
_SLIPS = tuple(
    (slip, word)
    for word in _WORDS
    for slip in (*(word[:at] + word[at + 1 :] for at in range(1, len(word))), *(word + last for last in ("s", "ed")))
)


def misspelt(fallback: str) -> str | None:
    """Return the word ("hold" or "kill") that a fallback was likely meant to be, None if it may well name a version.

    >>> [misspelt(name) for name in ("hodl", "Kill", "hol", "kills", "hold", "v1", "gold", "old")]
    ['hold', 'kill', 'hold', 'kill', None, None, None, None]
    """
    name = fallback.strip().lower()
    if fallback in _WORDS:
        return None
    return next((word for word in _WORDS if sorted(name) == sorted(word)), dict(_SLIPS).get(name))


def check_fallback(key: str, fallback: str) -> None:
    """Refuse a misspelt "hold" or "kill": a rollback would pin a version that does not exist. PolicyError."""
    word = misspelt(fallback)
    if word is not None:
        raise PolicyError(key, fallback, f'names a version; did you mean "{word}"?')


class Duration:
    """A span of time, written in the policy as "10s", for instance, and held in whole milliseconds."""

    def __init__(self, text: str) -> None:
        match = re.fullmatch(r"(\d{1,9})(ms|s|m|h|d)", text)
        if match is None:
            raise ValueError(DURATION_ALLOWED)
        self.text = text
        self.ms = int(match[1]) * UNITS_MS[match[2]]


def span(ms: int) -> str:
    """Return a time as it is written in a policy.

    >>> span(300_000), span(90_000), span(0)
    ('5m', '90s', '0s')
    """
    for unit in ("d", "h", "m", "s"):
        if ms and ms % UNITS_MS[unit] == 0:
            return f"{ms // UNITS_MS[unit]}{unit}"
    return f"{ms}ms" if ms else "0s"


def convert(raw: dict[str, Any], kind: type[T], prefix: str) -> T:
    """Return `raw`, which stands at the key `prefix`, as a struct. PolicyError names what does not fit."""
    try:
        return msgspec.convert(raw, kind, dec_hook=_duration)
    except msgspec.ValidationError as error:
        path, value, allowed = misfit_of(str(error), raw, kind, lambda other: _complaint(other, kind))
        allowed = allowed.replace(f"must match {NAME}", NAME_ALLOWED)
        raise PolicyError(".".join(part for part in (prefix, path) if part), value, allowed) from error


def _complaint(raw: Any, kind: type[Any]) -> str | None:
    try:
        msgspec.convert(raw, kind, dec_hook=_duration)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def check_finite(prefix: str, raw: dict[str, Any]) -> None:
    """Refuse NaN and infinity anywhere in `raw`, which stands at the key `prefix`."""
    for path, number in _numbers("", raw):
        if not math.isfinite(number):
            raise PolicyError(f"{prefix}{path}", number, "must be a finite number")


def _numbers(path: str, value: object) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _numbers(f"{path}.{name}", part)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _numbers(f"{path}[{index}]", part)


def _duration(kind: type, value: object) -> Duration:
    if kind is not Duration or not isinstance(value, str):
        raise ValueError(DURATION_ALLOWED)
    return Duration(value)
