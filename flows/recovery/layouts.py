"""The layouts of a recovery store, in a file beside its parts: by policy file which column is of which SLI and measure.

It is written once it is known that what the store holds is laid out so, or that it holds nothing.
"""

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from flows.recovery.contents import bytes_of
from flows.recovery.parts import WAY_OUT, StoreUnusable
from operators.policy.errors import PolicyError
from operators.policy.layout import Layout, laid_out
from operators.policy.policy import Policy
from operators.recovery import content

NAME = "layout.json"
Layouts = dict[str, Layout]  # By the name of the file, "" where there is but one policy.


def gone_on(folder: Path, parts: Sequence[Path], policy: Policy) -> Policy:
    """Return a policy as it goes on from what a store holds. PolicyError, StoreUnusable, OSError.

    PolicyError names what cannot go on. Where that is not known, as of what an older rollguard wrote, the policy is
    returned as it is, and refused by whoever loads what was saved.
    """
    before = _read(folder / NAME)
    if before is None and _shape_in(parts) not in (None, policy.shape):
        return policy
    known = before or {}
    laid = {each.team: _laid_out(each, known.get(each.team)) for each in policy.each}
    after = known | {team: layout for team, each in laid.items() if each is not None for layout in (each[1],)}
    policies = [each if (new := laid[each.team]) is None else new[0] for each in policy.each]
    if after != known:
        _write(folder / NAME, after)
    return msgspec.structs.replace(policy, teams=tuple(policies)) if policy.teams else policies[0]


def _laid_out(policy: Policy, before: Layout | None) -> tuple[Policy, Layout] | None:
    try:
        return laid_out(policy, before)
    except PolicyError as error:
        key = f"{policy.team}.toml: {error.key}" if policy.team else error.key
        raise PolicyError(key, error.value, error.allowed) from error


def _read(path: Path) -> Layouts | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Layouts)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise StoreUnusable(f"{path}: cannot be read ({error}); {WAY_OUT}") from error


def _write(path: Path, layouts: Layouts) -> None:
    """Replace the file at once: of several processes each writes the same."""
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
