"""What registered classes may hold, by their types and their source: so faults show before anything is saved."""

import ast
import inspect
import textwrap
import typing
from typing import Any

import msgspec

from operators.saved.registry import Registry


def unnamed(registry: Registry) -> list[str]:
    """Return the classes that a field of a registered class may hold, but that are not registered."""
    held = {
        kind
        for each in registry.by_name.values()
        if not each.is_plain
        for hint in typing.get_type_hints(each.kind).values()
        for kind in _classes_in(hint)
    }
    return sorted(f"{kind.__module__}.{kind.__qualname__}" for kind in held - registry.by_kind.keys())


def unlisted(registry: Registry) -> list[str]:
    """Return "class: attribute" where the source of a plain class and its registration do not have the same ones."""
    found = []
    for each in registry.by_name.values():
        if each.is_plain and "__getstate__" not in vars(each.kind):
            ours = [kind for kind in each.kind.__mro__ if _package(kind) == _package(each.kind)]
            trees = [ast.parse(textwrap.dedent(inspect.getsource(kind))) for kind in ours]
            nodes = [node for tree in trees for node in ast.walk(tree)]
            given = {node.attr for node in nodes if isinstance(node, ast.Attribute) and _is_given(node)}
            found += [f"{each.name}: {name}" for name in sorted(given ^ each.derived.union(each.names))]
    return found


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _is_given(node: ast.Attribute) -> bool:
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _classes_in(hint: Any) -> set[type]:
    """Return our own classes in a type: those that must be registered to be saved."""
    found = {kind for part in typing.get_args(hint) for kind in _classes_in(part)}
    if not isinstance(hint, type) or getattr(hint, "_is_protocol", False):
        return found
    ours = issubclass(hint, msgspec.Struct) or hint.__module__.partition(".")[0] == "operators"
    return found | {hint} if ours else found
