"""What the steps save of themselves in the recovery store, and how it is read again: bytes that hold no code.

    MAGIC, the format's number, a digest of what follows, [classes, shape of the policy, state]

Why not msgspec's tagged structs alone: a tag belongs to a class wherever it is encoded, and most of these classes also
stand in control events and tables, whose bytes would change; and half of the state are arrays and classes with methods.
So `operators/saved` names the classes by a registry of its own (`saved_names.py`), and msgspec does the packing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import TypeVar, cast

from operators.policy.policy import CountColumns, Policy
from operators.saved.decode import from_bytes_of
from operators.saved.encode import to_bytes_of
from operators.saved.registry import UNKNOWN, Unreadable
from operators.saved_names import REGISTRY
from operators.window.saved_panes import SavedPanes
from operators.window.saved_teams import SavedTeams
from operators.window.shards import shard_name
from operators.window.team_panes import SavedTeamPanes, as_first_of_several

T = TypeVar("T")

MAGIC = b"rollguard state "
FORMAT = b"\x01"
DIGEST = 8  # Bytes. It detects damage; it does not prove who wrote the state.
HEAD = len(MAGIC) + len(FORMAT) + DIGEST
PICKLE = b"\x80"  # State that an older rollguard wrote begins with this.
NEW_STORE = "name a new --recovery folder and where to start with --from"

OTHER_SHAPE = (
    "the policy's time, slices, windows, measures or SLIs are not those the recovery store was written under, nor such "
    "as can go on from it: "
    f"{NEW_STORE}, or go back to the old ones"
)


class StateMismatch(Exception):
    """The recovery store was written under a policy that keeps other counts."""


def dumps(state: object, policy: Policy) -> bytes:
    """Return a state as bytes. Unsavable if it holds something that has no registered name."""
    body = to_bytes_of(REGISTRY, policy.shape, state)
    return MAGIC + FORMAT + blake2b(body, digest_size=DIGEST).digest() + body


def loads(saved: bytes | None, kind: type[T], policy: Policy) -> T | None:
    """Return what `dumps` saved. StateMismatch if the policy keeps something else since; Unreadable."""
    if saved is None:
        return None
    shape, state = content(saved)
    if shape != policy.shape and shape not in policy.earlier:
        raise StateMismatch(OTHER_SHAPE)
    if state is not None and not isinstance(state, kind):
        raise Unreadable(f"the recovery store holds a {type(state).__name__} where a {kind.__name__} should be")
    return cast(T, state)


def of_teams(saved: bytes | None, policy: Policy) -> dict[str, bytes]:
    """Return what a step saved of each policy of several, by its name: "" is one that was alone before there were any.

    StateMismatch; Unreadable.
    """
    if saved is None:
        return {}
    shape, state = content(saved)
    if shape != policy.shape and shape not in policy.earlier:
        raise StateMismatch(OTHER_SHAPE)
    return state.teams if isinstance(state, SavedTeams) else {"": saved}


def team_panes(saved: bytes | None, policy: Policy) -> tuple[SavedTeamPanes | None, CountColumns | None]:
    """Return what was saved of the panes of several policies, and what those to which nothing came have columns for."""
    had = columns_of(saved, policy)
    if saved is not None and had is not None:
        shape, alone = content(saved)
        if isinstance(alone, SavedPanes):
            return as_first_of_several(alone, str(shape), had.pane_ms), None
    return loads(saved, SavedTeamPanes, policy), had


def require_shape(shapes: Mapping[str, str], policy: Policy) -> None:
    """StateMismatch where a policy of several has another shape than that which was saved by its name."""
    shape = shapes.get(policy.team, policy.shape)
    if shape != policy.shape and shape not in policy.earlier:
        raise StateMismatch(OTHER_SHAPE)


def columns_of(saved: bytes | None, policy: Policy) -> CountColumns | None:
    """Return the columns of the counts that were saved; None where they are those of the policy."""
    return None if saved is None else policy.earlier.get(str(content(saved)[0]))


@contextmanager
def of_file(policy: Policy) -> Iterator[None]:
    """Say of which file a StateMismatch is."""
    try:
        yield
    except StateMismatch as error:
        raise StateMismatch(f"{policy.file}.toml: {error}" if policy.file else str(error)) from error


def content(saved: bytes) -> tuple[object, object]:
    """Return the shape of the policy that a state was saved under, and the state. Unreadable."""
    _require_ours(saved)
    body = saved[HEAD:]
    if blake2b(body, digest_size=DIGEST).digest() != saved[HEAD - DIGEST : HEAD]:
        raise Unreadable(f"the recovery store is broken: put back a backup of the whole folder, or {NEW_STORE}")
    try:
        shape, state = from_bytes_of(REGISTRY, body)
    except (Unreadable, ValueError) as error:
        raise Unreadable(f"the recovery store cannot be read: {error}") from error
    return shape, state


def _require_ours(saved: bytes) -> None:
    """Unreadable unless these are bytes as `dumps` makes them, of a format that is known here."""
    if saved.startswith(MAGIC + FORMAT):
        return
    if saved.startswith(MAGIC):
        raise Unreadable(f"the recovery store has a format that is not known here: {UNKNOWN}")
    if saved.startswith(PICKLE):
        raise Unreadable(
            "the recovery store was written by an older rollguard, as Python pickles, which are never loaded because "
            f"they can run code: {NEW_STORE}, or go on with the older rollguard"
        )
    raise Unreadable(f"the recovery store holds what no rollguard wrote: {NEW_STORE}")


def shard_key(shard: int) -> str:
    """Return the key under which Bytewax routes a shard and keeps its state."""
    return shard_name(shard)


def shard_number(key: str) -> int:
    """Return the shard of a key."""
    return int(key.removeprefix("s"))
