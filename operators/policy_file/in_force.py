"""What is in force under a policy: its tables with every key, with defaults for those that its files leave out.

The tables form a policy file that means the same. Keys without a value are left out.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from operators.drift.registry import KINDS as MONITORS
from operators.evaluators.registry import EVALUATOR_KINDS
from operators.ingest.slis.registry import KINDS as SLIS
from operators.policy.fields import table_of
from operators.policy.policy import Policy
from operators.policy.reading import convert, span
from operators.policy.tiers import DEFAULT
from operators.policy_file.defaults import with_defaults
from operators.policy_file.teams import written_tables
from operators.policy_file.toml import PolicyTables
from operators.rules.registry import KINDS as RULES

SLI_OWN = ("name", "places")  # Fields of an SLI that are not keys.


class FileInForce(NamedTuple):
    """The tables of a policy file with every key, and which of these are `written`, in it or in another file for it.

    Keys are named as `key_lines` names them.
    """

    tables: dict[str, Any]
    written: set[str]


def in_force(policy: Policy) -> dict[str, FileInForce]:
    """Return what each file of a policy puts in force, by file name without `.toml`; "" where there is one file."""
    return {
        each.file: FileInForce(_whole(written, each), {key for key, _ in key_lines(written)})
        for each, written in written_tables(policy)
    }


def key_lines(tables: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each key of some tables, as errors of a policy name it, with its value.

    >>> list(key_lines({"time": {"pane": "10s"}, "rule": [{"name": "slo", "target": 0.9}]}))
    [('time.pane', '10s'), ('rule.slo.target', 0.9)]
    """
    for name, value in tables.items():
        if isinstance(value, Mapping) and value:
            yield from ((f"{name}.{key}", each) for key, each in key_lines(value))
        elif isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            for index, each in enumerate(value):
                place = f"{name}.{each['name']}" if "name" in each else f"{name}[{index}]"
                parts = {key: part for key, part in each.items() if key != "name"}
                yield from ((f"{place}.{key}", part) for key, part in key_lines(parts))
        else:
            yield name, value


def _whole(written: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    raw = with_defaults(dict(written))
    tables = _plain(convert(raw, PolicyTables, ""))
    tables["time"]["behind_max"] = span(policy.behind_ms)
    single: tuple[tuple[str, msgspec.Struct], ...] = (
        ("enrich", policy.enrich),
        ("evaluate", policy.evaluate),
        ("dedup", policy.dedup),
    )
    for name, known in (*single, ("release", policy.releases)):
        tables[name] = _table(raw.get(name, {}), type(known), known)
    tables["sli"] = {name: _sli(sli) for name, sli in raw.get("sli", {}).items()}
    tables["evaluator"] = _named(raw.get("evaluator", []), policy.evaluators, EVALUATOR_KINDS, "evaluator")
    tables["monitor"] = _named(raw.get("monitor", []), policy.monitors, MONITORS, "monitor")
    rules = raw.get("rule", [])
    known_rules = _named(rules, policy.rules, RULES, "rule")
    usual = [{} if "slices" in rule else _slices(policy, rule["name"]) for rule in rules]
    tables["rule"] = [rule | slices for rule, slices in zip(known_rules, usual, strict=True)]
    valued: dict[str, Any] = _valued(tables)
    return valued


def _valued(tables: Any) -> Any:
    """Return tables without the keys that have no value."""
    if isinstance(tables, dict):
        return {key: _valued(value) for key, value in tables.items() if value is not None}
    return [_valued(each) for each in tables] if isinstance(tables, list) else tables


def _slices(policy: Policy, rule: str) -> dict[str, Any]:
    """Return the slices of a rule that names none: its kind's default, None while the rule waits."""
    names = policy.dimensions
    grains = next((known.grains for known in policy.rules if known.name == rule), None)
    texts = None if grains is None else [",".join(names[index] for index in grain) or "*" for grain in grains]
    return {"slices": texts}


def _named(raws: list[dict[str, Any]], known: tuple[Any, ...], kinds: Mapping[str, Any], keys: str) -> list[Any]:
    """Return the tables of rules, monitors or evaluators; one that is not in `known` waits for a profile."""
    by_name = {each.name: each for each in known}
    return [_table(raw, getattr(kinds[raw["kind"]], keys), by_name.get(raw["name"])) for raw in raws]


def _table(raw: dict[str, Any], kind: type[msgspec.Struct], known: msgspec.Struct | None) -> dict[str, Any]:
    """Return the table of a struct; defaults that depend on the policy are taken from the struct `known`."""
    table: Any = convert(raw, table_of(kind), "")
    keys = _plain(table)
    for field in msgspec.structs.fields(type(table)):
        if keys[field.encode_name] is None and field.name != "profile":  # The profile stands in [drift].
            keys[field.encode_name] = _written(field.name, getattr(known, field.name, None))
    return keys


def _written(name: str, value: object) -> object:
    """Return how a field that the file leaves out is written; None where it has no value."""
    if name == "tiers":
        return [_plain(each) for each in DEFAULT]
    if name.endswith("_ms") and isinstance(value, int):
        return span(value)
    if isinstance(value, tuple):
        return list(value) if all(isinstance(each, str) for each in value) else None
    return value if isinstance(value, str | int | float) and value != "" else None


def _sli(raw: dict[str, Any]) -> dict[str, Any]:
    keys = _plain(convert(raw, SLIS[raw["good"]].sli, ""))
    return {key: value for key, value in keys.items() if key not in SLI_OWN}


def _plain(table: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(table, enc_hook=lambda duration: duration.text)
    return found
