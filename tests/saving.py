"""A restart of a state: it becomes the bytes that the recovery store keeps, and is made again from them."""

from copy import copy
from typing import Any, TypeVar

from operators.saved.decode import from_bytes_of
from operators.saved.encode import to_bytes_of
from operators.saved.registry import Registry, Saved
from operators.saved_names import REGISTRY

T = TypeVar("T")


def saved(state: object) -> bytes:
    return to_bytes_of(REGISTRY, state)


def again(state: T, *more: Saved) -> T:
    """The state after a restart; `more` are classes of tests."""
    registry = Registry([*REGISTRY.by_name.values(), *more])
    made: T = from_bytes_of(registry, to_bytes_of(registry, state))[0]
    return made


def of_bytes(data: bytes) -> Any:
    (state,) = from_bytes_of(REGISTRY, data)
    return state


def without(state: T, *fields: str) -> T:
    """The state as read if an older class without these fields wrote it."""
    entries = [copy(each) for each in REGISTRY.by_name.values()]
    for each in entries:
        if each.kind is type(state):
            each.names = tuple(name for name in each.names if name not in fields)
    made: T = of_bytes(to_bytes_of(Registry(entries), state))
    return made
