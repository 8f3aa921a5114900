"""Several policy files for one worker, as one policy: each team has its file, and no two files take the same model.

The worker's settings are common to all: any file may have the tables in `WORKERS`, but all that do must agree. All else
is a file's own: its slices, measures, SLIs, windows, rules, monitors and releases.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from operators.policy.claims import Claims
from operators.policy.errors import PolicyError
from operators.policy.globs import name_of_both
from operators.policy.policy import Policy
from operators.policy.releases import Releases
from operators.policy.worker import Worker, file_spread
from operators.policy_file.monitors import paths_of
from operators.policy_file.toml import hash_of, parse_tables, tables_of

DEFAULT = "default"  # The file that takes the models that no other takes.
ALL = "*"  # Names what several files have in common; no file has this name.
WORKERS = (
    "time",
    "dedup",
    "dead_letters",
    "privacy",
    "archive",
    "enrich",
    "evaluate",
    "evaluator",
    "otel",
    "triage",
    "commands",
    "worker",
)


def profiles_named_by(texts: Mapping[str, str]) -> list[str]:
    """Return the profiles that some files name. PolicyError: not TOML."""
    return list(dict.fromkeys(path for name, text in texts.items() for path in paths_of(_tables(name, text))))


def parse_teams(texts: Mapping[str, str], profiles: Mapping[str, bytes] | None = None) -> Policy:
    """Return the policy of one or more files with these names (without `.toml`) and texts.

    PolicyError names file and key.
    """
    for name in texts:
        if name == ALL or not name.isprintable():  # State is kept under the name.
            raise PolicyError("policy", ascii(f"{name}.toml"), "is no name for a file of a team")
    raws = {name: _tables(name, texts[name]) for name in sorted(texts)}
    shared = _workers(raws)
    policies = [_parsed(name, raw | shared, texts[name], profiles) for name, raw in raws.items()]
    names = list(raws)
    _check_claims(names, policies)
    rest = names.index(DEFAULT) if DEFAULT in names else None
    return joined(policies, Claims([policy.models for policy in policies], rest))


def written_tables(policy: Policy) -> list[tuple[Policy, dict[str, Any]]]:
    """Return the policy of each file, with the tables that apply to it: its own, and the worker's from any file."""
    raws = {each.file: tables_of(each.text) for each in policy.each}
    shared = _workers(raws)
    return [(each, raws[each.file] | shared) for each in policy.each]


def limited(policy: Policy) -> Policy:
    """Return the policy of one file; where it names its models, no policy takes the others. PolicyError."""
    for index, name in enumerate(policy.models):
        if name in policy.models[:index]:
            raise PolicyError("models", name, "is named twice")
    return joined([policy], Claims([policy.models], None)) if policy.models else policy


def joined(policies: Sequence[Policy], claims: Claims) -> Policy:
    """Return several policies as one, which has the worker's settings, and nothing to count or judge of its own."""
    mirrored = tuple(dict.fromkeys(name for policy in policies for name in policy.releases.mirrored))
    shapes = [policies[0].pane_ms, policies[0].disorder_ms, policies[0].late_horizon_ms, policies[0].future_ms]
    return msgspec.structs.replace(
        policies[0],
        team="",
        models=(),
        left_out=(),
        dimensions=(),
        grains=((),),
        windows=(),
        measures=(),
        slis=(),
        rules=(),
        monitors=(),
        waiting=(),
        watched=(),
        releases=Releases(mirrored=mirrored),
        teams=tuple(_one_of(policy, len(policies)) for policy in policies),
        claims=claims,
        hash=hash_of(sorted((policy.team, policy.hash) for policy in policies)),
        shape=hash_of(["teams", shapes]),
        text="",
    )


def spread_of(policy: Policy, worker: Worker, files: int) -> int:
    """Return in how many shards a file has its models; the default file counts as alone, as it may have most models."""
    rest = DEFAULT in (policy.team, policy.file)
    return file_spread(worker, worker.shards or policy.shards, 1 if rest else files)


def _one_of(policy: Policy, files: int) -> Policy:
    worker = msgspec.structs.replace(policy.worker, spread=spread_of(policy, policy.worker, files))
    return msgspec.structs.replace(policy, worker=worker, slot_prefix=f"{policy.team}:")


def _tables(name: str, text: str) -> dict[str, Any]:
    try:
        return tables_of(text)
    except PolicyError as error:
        raise PolicyError("policy", f"{name}.toml", error.allowed) from error


def _parsed(name: str, raw: dict[str, Any], text: str, profiles: Mapping[str, bytes] | None) -> Policy:
    if name == DEFAULT and "models" in raw:
        raise PolicyError(f"{name}.toml: models", raw["models"], "takes what no other file does: leave it out")
    if name != DEFAULT and not raw.get("models"):
        raise PolicyError(f"{name}.toml: models", raw.get("models"), "is required: which models is the file for?")
    try:
        policy = parse_tables(raw, text, profiles)
    except PolicyError as error:
        raise PolicyError(f"{name}.toml: {error.key}", error.value, error.allowed) from error
    return msgspec.structs.replace(policy, team=name, file=name)


def _workers(raws: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the worker's tables. PolicyError where two files differ."""
    known: dict[str, tuple[str, Any]] = {}
    for name, raw in raws.items():
        for table in WORKERS:
            if table in raw:
                first, value = known.setdefault(table, (name, raw[table]))
                if value != raw[table]:
                    key, mine, others = _difference(table, raw[table], value)
                    allowed = (
                        f"is the worker's, one for all files, and {others!r} in {first}.toml: say it in one of them"
                    )
                    raise PolicyError(f"{name}.toml: {key}", mine, allowed)
    return {table: value for table, (_, value) in known.items()}


def _difference(key: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    """Return the first key in which two values differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in {**one, **other}:
            if one.get(name) != other.get(name):
                return _difference(f"{key}.{name}", one.get(name), other.get(name))
    return key, one, other


def _check_claims(names: Sequence[str], policies: Sequence[Policy]) -> None:
    """PolicyError where two files take one model."""
    claims = [(name, pattern) for name, policy in zip(names, policies, strict=True) for pattern in policy.models]
    for index, (name, pattern) in enumerate(claims):
        for other, known in claims[:index]:
            both = name_of_both(pattern, known)
            if both is not None and (other != name or pattern == known):
                where = (
                    "is named twice"
                    if other == name
                    else f"takes model {both!r}, and so does {other}.toml by {known!r}"
                )
                raise PolicyError(f"{name}.toml: models", pattern, where)
