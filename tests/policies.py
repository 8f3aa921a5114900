"""Policies for tests, as text: the tables that every policy has, and how a wrong one is refused."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from operators.policy.errors import PolicyError
from operators.policy_file.toml import parse


def table(heading: str, **keys: Any) -> str:
    """A table of TOML under its heading, such as `release`; keys without a value (None) are left out."""
    lines = [f"{name} = {_toml(value)}" for name, value in keys.items() if value is not None]
    return "\n".join([f"[{heading}]", *lines]) + "\n"


def sli(name: str, good: str, **keys: Any) -> str:
    return table(f"sli.{name}", good=good, **keys)


def base(
    *dimensions: str,
    pane: str = "10s",
    disorder: str = "5s",
    late_horizon: str = "24h",
    future_tolerance: str = "5m",
    crosses: Sequence[Sequence[str]] | None = None,
    tumbling: Sequence[str] | None = None,
    sliding: Sequence[tuple[str, str]] | None = None,
    measures: Sequence[str] | None = None,
    limits: Mapping[str, int] | None = None,
) -> str:
    """The tables that a policy must have: times, slices by these dimensions with `limits`, windows, measures.

    `sliding` are pairs of a size and how often such a window ends.
    """
    pairs = None if sliding is None else [{"size": size, "every": every} for size, every in sliding]
    return (
        table("time", pane=pane, disorder=disorder, late_horizon=late_horizon, future_tolerance=future_tolerance)
        + table("slices", dimensions=dimensions, crosses=crosses, **(limits or {}))
        + table("windows", tumbling=tumbling, sliding=pairs)
        + table("measures", names=measures)
    )


def refused(text: str, key: str, says: str = "", files: Mapping[str, bytes] | None = None) -> PolicyError:
    """Assert that this policy is refused because of this key, with these words; return the error."""
    with pytest.raises(PolicyError) as caught:
        parse(text, files) if files is not None else parse(text)
    assert caught.value.key == key, caught.value
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{key} = ")
    return caught.value


def _toml(value: Any) -> str:
    """Texts, numbers and truth values are written as in JSON."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{name} = {_toml(each)}" for name, each in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
