"""The classes that may be saved, each under a name of its own that outlives any rename of class, file or field.

Saved state holds, for each class in it, that name, a version and the names of the fields. When it is read,

- a field that is missing takes its default: that of the class, or of `added`;
- an older version is brought up step by step by `upgrades`: {1: f} makes the fields of version 2 from those of 1;
- a name, a version or a field that is not known here was written by a newer rollguard: Unreadable.

So a field may be added at any time if it has a default; to rename, remove or re-mean one takes a new version with an
upgrade. A class that is not registered cannot be saved: Unsavable, with its name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec

Fields = dict[str, Any]

UNKNOWN = "it was written by a newer rollguard: start that one again, or name a new --recovery folder and --from"


class Unsavable(TypeError):
    """Something in the state is not registered, or has fields that its registration does not list: our own mistake."""


class Unreadable(Exception):
    """Saved state cannot be read: it is broken, or was written by another version of rollguard."""


class Saved:
    """How objects of one class are saved: under `name`, their fields in the order of `names`.

    `fields` are given only for a plain class: what `__getstate__` returns, by default its attributes except those
    that are `derived`. Such an object is made without `__init__`, and gets its fields as attributes, or by
    `__setstate__`, which makes the derived ones.
    """

    def __init__(
        self,
        name: str,
        kind: type,
        fields: Sequence[str] = (),
        *,
        derived: Sequence[str] = (),
        version: int = 1,
        added: Mapping[str, Callable[[], object]] | None = None,
        upgrades: Mapping[int, Callable[[Fields], Fields]] | None = None,
    ) -> None:
        """ValueError: an upgrade is missing, or `fields` are given for a class that declares its own."""
        self.name, self.kind, self.version = name, kind, version
        self.is_tuple = issubclass(kind, tuple)
        self.is_plain = not (self.is_tuple or issubclass(kind, msgspec.Struct))
        self.names = (
            tuple(fields) if self.is_plain else getattr(kind, "_fields" if self.is_tuple else "__struct_fields__")
        )
        self.derived = frozenset(derived)
        self._added = added or {}
        self._upgrades = upgrades or {}
        if fields and not self.is_plain:
            raise ValueError(f"{name} has fields of its own")
        if self._upgrades.keys() != set(range(1, version)):
            raise ValueError(f"{name} has version {version} and needs an upgrade from each one before")

    def values_of(self, each: Any) -> Iterable[Any]:
        """Return the values of an object's fields, in the order of `names`. Unsavable if it has other fields."""
        if self.is_tuple:
            return tuple(each)
        if not self.is_plain:
            return [getattr(each, name) for name in self.names]
        state = each.__getstate__() or {}
        # Derived attributes may not have been made yet since the object was read.
        kept = state.keys() - self.derived if isinstance(state, dict) else {type(state).__name__}
        if kept != set(self.names):
            differ = sorted(kept ^ set(self.names))
            raise Unsavable(
                f"{self.kind.__module__}.{self.kind.__qualname__} keeps other fields than operators/saved_names.py "
                f"lists for {self.name}: {', '.join(differ)}"
            )
        return [state[name] for name in self.names]

    def columns_of(self, each: Sequence[Any]) -> Iterable[list[Any]]:
        """Return the values of many objects, field by field."""
        if self.is_tuple:
            return map(list, zip(*each, strict=True))
        if self.is_plain:
            return map(list, zip(*map(self.values_of, each), strict=True))
        return [list(map(attrgetter(name), each)) for name in self.names]

    def upgraded(self, version: int, fields: Fields) -> Fields:
        """Return the fields of an older version as those of this one. Unreadable if it cannot take them."""
        if version > self.version:
            raise Unreadable(f"{self.name} has version {version}, and {self.version} is known here: {UNKNOWN}")
        for number in range(version, self.version):
            fields = self._upgrades[number](fields)
        more = fields.keys() - set(self.names)
        if more:
            raise Unreadable(f"{self.name} has the field {min(more)}, which is not known here: {UNKNOWN}")
        return fields

    def make(self, fields: Fields) -> object:
        """Return an object of this version with these fields; missing ones take their defaults."""
        fields = {name: make() for name, make in self._added.items() if name not in fields} | fields
        if not self.is_plain:
            return self.kind(**fields)
        missing = set(self.names) - fields.keys()
        if missing:
            raise Unreadable(f"{self.name} lacks the field {min(missing)}")
        new: Any = object.__new__(self.kind)
        if hasattr(self.kind, "__setstate__"):
            new.__setstate__(fields)
        else:
            new.__dict__.update(fields)
        return new


def without(name: str) -> Callable[[Fields], Fields]:
    """Return an upgrade that leaves out a field that is no longer kept.

    >>> without("b")({"a": 1, "b": 2})
    {'a': 1}
    """
    return lambda fields: {each: value for each, value in fields.items() if each != name}


def renamed(names: Mapping[str, str]) -> Callable[[Fields], Fields]:
    """Return an upgrade that gives fields their new names; `names` has them by the old ones.

    >>> renamed({"a": "count"})({"a": 1, "b": 2})
    {'count': 1, 'b': 2}
    """
    return lambda fields: {names.get(each, each): value for each, value in fields.items()}


class Registry:
    """The classes that may be saved, by class and by name. ValueError: a name or a class is given twice."""

    def __init__(self, classes: Iterable[Saved]) -> None:
        self.by_name: dict[str, Saved] = {}
        self.by_kind: dict[type, Saved] = {}
        for each in classes:
            if each.name in self.by_name or each.kind in self.by_kind:
                raise ValueError(f"{each.name} ({each.kind.__qualname__}) is registered twice")
            self.by_name[each.name] = self.by_kind[each.kind] = each
