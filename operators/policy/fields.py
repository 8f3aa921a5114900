"""A struct's fields as the keys of a table of a policy, so that each key is declared once, with its type and default.

A field is a key with the same name and type, unless it is annotated with `As`, which says how it is written: a span of
time in milliseconds, for instance, is written as "5m", under the field's name without `_ms`.
"""

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import msgspec
from msgspec import NODEFAULT, UNSET, Meta

from operators.policy.errors import PolicyError
from operators.policy.reading import Duration, convert, span

T = TypeVar("T", bound=msgspec.Struct)


class Written(NamedTuple):
    """What a policy says of a field: the `value` of its `key` in a `table`; `place` knows what the table may refer to.

    The table's attributes have the names of the fields.
    """

    key: str
    value: Any
    table: Any
    place: Any


class As:
    """How a field is written: as a value of type `wire`, which `read` turns into the field's value, or PolicyError.

    `write` makes the key's default from the field's. Without it the key may be left out: its value is then None, and
    `read` may return UNSET for the field's default. `key` is the key's name where it is not the field's.
    """

    def __init__(
        self,
        wire: Any,
        read: Callable[[Written], object],
        write: Callable[[Any], object] | None = None,
        key: str | None = None,
    ) -> None:
        self.wire, self.read, self.write, self.key = wire, read, write, key


def Usual(wire: Any) -> As:  # noqa: N802  # Stands in annotations.
    """Return how a field is written that takes its kind's own default where the key is left out."""
    return As(wire | None, lambda written: UNSET if written.value is None else written.value)


def WholePanes(least: int = 1) -> As:  # noqa: N802
    """Return how a span of time in ms is written: as a duration of whole panes, at least `least` of them."""
    return As(
        Duration,
        lambda written: written.place.span(written.key, written.value, least),
        lambda ms: Duration(span(ms)),
    )


def Rounded(*, none: bool = False) -> As:  # noqa: N802
    """Return how a span of time in ms is written that is rounded up to whole panes; zero only where `none`."""
    return As(
        Duration,
        lambda written: written.place.rounded(written.key, written.value, none=none),
        lambda ms: Duration(span(ms)),
    )


def UpTo(key: str, most_ms: int, allowed: str) -> As:  # noqa: N802
    """Return how a span of time of at most `most_ms` is written; `key` is its full key, with the table's."""

    def read(written: Written) -> int:
        time: Duration = written.value
        if time.ms > most_ms:
            raise PolicyError(key, time.text, allowed)
        return time.ms

    return As(Duration, read, lambda ms: Duration(span(ms)))


Slices = Annotated[
    tuple[tuple[int, ...], ...],
    As(
        Annotated[tuple[str, ...], Meta(min_length=1)],
        lambda written: written.place.grains(written.value),
        lambda grains: ("*",) * len(grains),  # The default is all traffic.
        key="slices",
    ),
]


class Named:
    """Marks the field that holds the slices named by their values; it has no key of its own."""


SliName = Annotated[str, As(str, lambda written: written.place.sli(written.key, written.value), str)]


@cache
def table_of(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the table of a struct: its keys, their types and defaults.

    Class attributes of the struct may name fields without a key (`unwritten`), and keys without a field (`keys`).
    """
    fields: list[tuple[str, Any, Any]] = [(key, str, NODEFAULT) for key in getattr(kind, "keys", ())]
    for field in msgspec.structs.fields(kind):
        if field.name in getattr(kind, "unwritten", ()) or Named in get_args(field.type)[1:]:
            continue
        known = _as(field)
        if known is None:
            fields.append((field.name, field.type, _default(field)))
            continue
        default = None if known.write is None else _default(field)
        if known.write is not None and default is not NODEFAULT:
            default = known.write(default)
        fields.append((field.name, known.wire, msgspec.field(default=default, name=_key(field, known))))
    return msgspec.defstruct(kind.__name__, fields, kw_only=True, frozen=True, forbid_unknown_fields=True)


def read(kind: type[T], raw: dict[str, Any], prefix: str, place: Any) -> T:
    """Return the struct described by a table, which stands at the key `prefix`. PolicyError names what does not fit."""
    return fill(kind, convert(raw, table_of(kind), prefix), place)


def fill(kind: type[T], table: Any, place: Any) -> T:
    """Return the struct described by a table whose types are right. PolicyError names what is impossible."""
    values: dict[str, object] = {}
    for field in msgspec.structs.fields(kind):
        if not hasattr(table, field.name):
            continue
        values[field.name] = getattr(table, field.name)
        known = _as(field)
        if known is not None:
            values[field.name] = known.read(Written(_key(field, known), values[field.name], table, place))
    return kind(**{name: value for name, value in values.items() if value is not UNSET})


def _as(field: msgspec.structs.FieldInfo) -> As | None:
    return next((each for each in get_args(field.type)[1:] if isinstance(each, As)), None)


def _key(field: msgspec.structs.FieldInfo, known: As) -> str:
    return known.key or field.name.removesuffix("_ms")


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is NODEFAULT else field.default_factory()
