"""The layouts of a recovery store, in a file beside its parts: by policy file, each SLI's and measure's column.

The file is written once the store is known to have these layouts, or to be empty.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from flows.recovery.contents import bytes_of
from flows.recovery.parts import WAY_OUT, StoreUnusable
from flows.recovery.saved import EVALUATION, PANES, states_of
from operators.handing_over import counted_files, known_models
from operators.ingest.usable import UNDECODABLE
from operators.policy.errors import PolicyError
from operators.policy.layout import Layout, columns_by_shape, laid_out
from operators.policy.policy import Policy
from operators.policy.worker import SHARDS_ONCE, Worker
from operators.policy_file.kept_names import Layouts, kept_as, only_file
from operators.policy_file.teams import ALL, spread_of
from operators.recovery import content

NAME = "layout.json"


def gone_on(folder: Path, parts: Sequence[Path], policy: Policy) -> Policy:
    """Return a policy as it continues from a store. StoreUnusable, PolicyError, OSError.

    Where the layout is unknown, as for a store of an older rollguard, the policy is returned as it is, and refused when
    saved state is loaded.
    """
    before = _read(folder / NAME)
    shape = _shape_in(parts) if before is None else None
    if before is None and shape not in (None, policy.shape):
        return policy
    alone = only_file(before or {}) if len(policy.teams) > 1 else None  # Which file goes on may depend on its models.
    models = () if alone is None else known_models(states_of(parts, EVALUATION).values(), alone)
    counted = (
        counted_files(states_of(parts, PANES).values()) if any(each.gone for each in (before or {}).values()) else ()
    )
    policy, known = kept_as(policy, before or {}, models, counted)
    policy = _spread(policy, known, new=before is None and shape is None)
    named = {each.team: each for each in policy.each} | ({ALL: policy} if policy.teams else {})
    laid = {name: new for name, each in named.items() if (new := laid_out(each, known.get(name))) is not None}
    after = known | {name: layout for name, (_, layout) in laid.items()}
    policies = {name: laid[name][0] if name in laid else each for name, each in named.items()}
    if after != before:
        _write(folder / NAME, after)
    if not policy.teams:
        return policies[policy.team]
    whole = policies[ALL]
    earlier = {shape: of for each in after.values() if each.alone for shape, of in columns_by_shape(each).items()}
    teams = tuple(policies[each.team] for each in policy.teams)
    return msgspec.structs.replace(whole, earlier=earlier | whole.earlier, teams=teams)


def _spread(policy: Policy, known: Layouts, *, new: bool) -> Policy:
    """Return a policy with its store's fixed number of shards; a `new` store takes the policy's. PolicyError."""
    shards = policy.shards if new else next((each.shards for each in known.values()), SHARDS_ONCE)
    if policy.worker.shards not in (None, shards):
        allowed = f"must be {shards}, as in the recovery folder: name a new --recovery folder for another number"
        raise PolicyError("worker.shards", policy.worker.shards, allowed)
    asked = Worker(shards=shards, spread=policy.worker.spread)
    teams = []
    for each in policy.teams:
        # From before there were layouts: all models are in all shards.
        before = known.get(each.team) if new or known else Layout(rest=each.rest)
        spread = _file_spread(each, asked, len(policy.teams), before)
        teams.append(msgspec.structs.replace(each, worker=Worker(shards=shards, spread=spread)))
    return msgspec.structs.replace(policy, worker=Worker(shards=shards), teams=tuple(teams))


def _file_spread(policy: Policy, asked: Worker, files: int, before: Layout | None) -> int:
    """Return how many shards hold the models of a file; a file that the store knows keeps its number. PolicyError."""
    shards = asked.shards or policy.shards
    if not (policy.team or policy.file):  # The only file.
        return shards
    if before is None:
        return spread_of(policy, asked, files)
    spread = before.spread or shards
    if asked.spread is not None and min(asked.spread, shards) != spread:
        whose = f" for {policy.file}.toml" if policy.file else ""
        allowed = f"must be {spread}{whose}, as in the recovery folder: leave it out, or name a new one"
        raise PolicyError("worker.spread", asked.spread, allowed)
    return spread


def _read(path: Path) -> Layouts | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Layouts)
    except FileNotFoundError:
        return None
    except UNDECODABLE as error:
        raise StoreUnusable(f"{path}: cannot be read ({error}); {WAY_OUT}") from error


def _write(path: Path, layouts: Layouts) -> None:
    """Replace the file atomically: each of several processes writes the same."""
    own = path.with_name(f"{path.name}-{os.getpid()}")
    own.write_bytes(msgspec.json.format(msgspec.json.encode(layouts), indent=1))
    os.replace(own, path)


def _shape_in(parts: Sequence[Path]) -> str | None:
    """Return the shape of the policy that a store was written under, None where it holds nothing."""
    for path in parts:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as part:
            for (pickled,) in part.execute("SELECT ser_change FROM snaps WHERE ser_change IS NOT NULL"):
                saved = bytes_of(pickled, f"{path}: a state")
                if saved is not None:
                    return str(content(saved)[0])
    return None
