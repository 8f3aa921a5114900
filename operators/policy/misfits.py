"""Why values of a policy do not have the types of their keys: msgspec's messages in the keys and words of TOML."""

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec

TYPES = {
    "object": "a table",
    "array": "a list",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
LIKE = 0.75  # From this ratio of difflib on, an unknown key was likely meant to be a known one.
BOUNDS = {"<": "below", "<=": "at most", ">": "above", ">=": "at least"}
EXPECTED = re.compile(
    r"Expected `([^`]+)`(?: (<=?|>=?) (\S+))?(?: of length (<=|>=) (\d+))?(?: matching regex '(.*)')?(?:, got `.*`)?"
)


class Misfit(NamedTuple):
    """The `path` of a value, below the table that was read, the value, and what is `allowed` there."""

    path: str
    value: Any
    allowed: str


def misfit_of(message: str, raw: dict[str, Any], kind: object, complaint: Callable[[Any], str | None]) -> Misfit:
    """Return where and why a table is no `kind`, from msgspec's message "... - at `$.time.pane`".

    `complaint` gives msgspec's message for another such table. Its path omits keys that are names.
    """
    allowed, _, place = message.partition(" - at `")
    of_name = place.startswith("key` in `")
    parts = re.findall(r"[^.\[\]]+|\.\.\.", re.sub(r"^(key` in `)?\$", "", place).rstrip("`"))
    keys, value = _located([*parts, "..."] if of_name else parts, raw, lambda other: complaint(other) == message)
    if of_name:
        *keys, value = keys
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
    named = re.search(r"(unknown|missing required) field `([^`]*)`", allowed)
    if named:
        of = f"{path}.{named[2]}".removeprefix(".")
        return Misfit(
            of, value.get(named[2]), _unknown(named[2], kind, parts) if named[1] == "unknown" else "is required"
        )
    if allowed.startswith("Invalid enum value"):
        return Misfit(path, value, f"must be one of {', '.join(_choices(kind, parts))}")
    if of_name:
        return Misfit(path, value, f"is a name there, which {in_words(allowed)}")
    dotted = parts[-1:] == ["..."] and isinstance(value, dict) and "`object`, got" not in allowed
    quoted = f'; a name with a dot stands in quotes: "{keys[-1]}.{next(iter(value), "")}"' if dotted else ""
    return Misfit(path, value, in_words(allowed) + quoted)


def in_words(allowed: str) -> str:
    """Return what msgspec expected in words of TOML; other messages stay as they are.

    >>> in_words("Expected `float` < 1.0"), in_words("Expected `array`, got `str`"), in_words("must be so")
    ('must be a number below 1', 'must be a list', 'must be so')
    >>> in_words("Expected `str` of length >= 1"), in_words("Expected `str | bool | null`, got `float`")
    ('must not be empty', 'must be a text or true or false')
    """
    found = EXPECTED.fullmatch(allowed)
    if found is None:
        return allowed
    types, sign, bound, length_sign, length, pattern = found.groups()
    if pattern is not None:
        return f"must match {pattern}"
    if length is not None:
        unit = "entries" if "array" in types or "object" in types else "characters"
        return (
            "must not be empty"
            if (length_sign, length) == (">=", "1")
            else f"must have {BOUNDS[length_sign]} {length} {unit}"
        )
    words = " or ".join(TYPES.get(each, each) for each in types.split(" | ") if each != "null")
    return f"must be {words}" + (f" {BOUNDS[sign]} {bound.removesuffix('.0')}" if sign else "")


def _located(parts: Sequence[str], raw: Any, fails: Callable[[Any], bool]) -> tuple[list[Any], Any]:
    """Return the keys that lead to what msgspec's path names, and the value there."""
    keys: list[Any] = []
    value = raw
    for part in parts:
        key: Any = int(part) if isinstance(value, list) else part
        if part == "...":
            key = next((name for name in value if fails(_put(raw, keys, {name: value[name]}))), None)
            if key is None:
                break
        keys.append(key)
        value = value[key]
    return keys, value


def _put(raw: Any, keys: Sequence[Any], value: Any) -> Any:
    """Return a copy of some tables with another value in one place."""
    if not keys:
        return value
    copy = raw.copy()
    copy[keys[0]] = _put(raw[keys[0]], keys[1:], value)
    return copy


def _unknown(name: str, kind: object, parts: Sequence[str]) -> str:
    """Say that there is no such key, and which key was most likely meant."""
    known = [field.encode_name for field in _fields(_kind_at(kind, parts))]
    meant = get_close_matches(name, known, 1, LIKE)
    return "is not a key of the policy" + (f"; did you mean {meant[0]!r}?" if meant else "")


def _choices(kind: object, parts: Sequence[str]) -> Iterator[str]:
    """Yield the words that a key may be, which msgspec's own message does not list."""
    for each in _within(_kind_at(kind, parts)):
        if get_origin(each) is Literal:
            yield from get_args(each)


def _kind_at(kind: object, parts: Sequence[str]) -> object:
    """Return the type of the value at a path in a table."""
    for part in parts:
        kind = next((field.type for field in _fields(kind) if field.encode_name == part), kind)
    return kind


def _fields(kind: object) -> list[msgspec.structs.FieldInfo]:
    """Return the fields of all structs that a type is made of."""
    return [field for each in _within(kind) if _is_struct(each) for field in msgspec.structs.fields(each)]


def _within(kind: object) -> Iterator[Any]:
    """Yield a type and all types that it is made of."""
    yield kind
    for each in get_args(kind):
        yield from _within(each)


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
