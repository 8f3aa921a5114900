"""From TOML values to typed ones: durations, and faults that are named by their key and value."""

import math
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NoReturn, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from operators.policy.errors import PolicyError

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
SPAN_MS_MAX = 366 * UNITS_MS["d"]  # Of windows and of the late horizon; times far from any event are no times.
DURATION_ALLOWED = 'must be a duration such as "500ms", "10s", "5m", "1h", "30d"'

T = TypeVar("T")
NAME = "^[A-Za-z_][A-Za-z0-9_.-]{0,63}$"
Name = Annotated[str, Meta(pattern=NAME)]
# "hold", "kill", or a version: what is counted together, or stands for all versions, is none.
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
    """Return the word that a fallback was most likely meant to be, None if it may well be a version's name.

    >>> [misspelt(name) for name in ("hodl", "Kill", "hol", "kills", "hold", "v1", "gold", "old")]
    ['hold', 'kill', 'hold', 'kill', None, None, None, None]
    """
    name = fallback.strip().lower()
    if fallback in _WORDS:
        return None
    return next((word for word in _WORDS if sorted(name) == sorted(word)), dict(_SLIPS).get(name))


def check_fallback(key: str, fallback: str) -> None:
    """Refuse what is nearly "hold" or "kill": a rollback would pin a version that is not there. PolicyError."""
    word = misspelt(fallback)
    if word is not None:
        raise PolicyError(key, fallback, f'names a version; did you mean "{word}"?')


class Duration:
    """A span of time, in the policy text such as "10s", here in whole milliseconds."""

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
        _raise_located(str(error), raw, prefix, kind)


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


def _raise_located(message: str, raw: dict[str, Any], prefix: str, kind: object) -> NoReturn:
    """Turn msgspec's "... - at `$.time.pane`" into a PolicyError with that key and its value."""
    allowed, _, path = message.partition(" - at `")
    path = re.sub(r"^(key` in `)?\$\.?", "", path).rstrip("`")
    value: Any = raw
    parts = re.findall(r"[^.\[\]]+", path)
    for part in parts:
        value = value[int(part)] if isinstance(value, list) else value[part]
    named = re.search(r"(unknown|missing required) field `([^`]*)`", allowed)
    key = ".".join(part for part in (prefix, path, named[2] if named else "") if part)
    if named:
        value = value.get(named[2])
        allowed = "is not a key of the policy" if named[1] == "unknown" else "is required"
    if allowed.startswith("Invalid enum value"):
        allowed = f"must be one of {', '.join(_words(kind, parts))}"
    raise PolicyError(key, value, allowed)


def _words(kind: object, parts: list[str]) -> Iterator[str]:
    """Yield the words that a key may be, which msgspec's own message does not list."""
    for part in parts:
        fields = [field for each in _within(kind) if _is_struct(each) for field in msgspec.structs.fields(each)]
        kind = next((field.type for field in fields if field.encode_name == part), kind)
    for each in _within(kind):
        if get_origin(each) is Literal:
            yield from get_args(each)


def _within(kind: object) -> Iterator[Any]:
    """Yield a type and all types that it is made of."""
    yield kind
    for each in get_args(kind):
        yield from _within(each)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
