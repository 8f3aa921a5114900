"""Reads, before the engine starts, which partitions of which logs a recovery store continues, and its saved state."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from flows.recovery.contents import bytes_of
from flows.recovery.left_out import note, noted
from operators.connectors.replaced import fewer, made_again
from operators.ingest.position import SavedInput
from operators.recovery import content

INPUT = "rollguard.input"  # The step whose state says where reading continues.
EVALUATION = "rollguard.judge.decide"  # The step whose state says what was decided.
PANES = "rollguard.panes.close"  # The step whose state says what was counted, and which commands were obeyed.


def _log_of(saved: bytes) -> str:
    state = content(saved)[1]
    return state.log_id if isinstance(state, SavedInput) else ""


def check_logs(
    parts: Sequence[Path], ids: Mapping[str, str], step: str = INPUT, log_of: Callable[[bytes], str] = _log_of
) -> dict[str, str]:
    """LogReplaced, Unreadable unless every saved partition exists (`ids` by partition), and is of the saved log.

    `step` is the source's, and `log_of` returns the id of the log in its state. Topics may be left out: then the log
    ids of their saved partitions are returned, by partition. But not at a start at which another topic is new, as that
    may be the same topic under another name.
    """
    saved = saved_ids(parts, step, log_of)
    missing = sorted(saved.keys() - ids.keys())
    before, now = ({_topic_of(name) for name in some} for some in (saved, ids))
    known = noted(parts[0].parent) if parts else set()
    gone = [name for name in missing if _topic_of(name) not in known]
    if (gone and now - before) or any(_topic_of(name) in now for name in missing):
        raise fewer(gone or missing)
    for name, log_id in sorted(saved.items()):
        if log_id and ids.get(name) and log_id != ids[name]:
            raise made_again(name, log_id, ids[name])
    if missing or known:
        note(parts[0].parent, {_topic_of(name) for name in missing})
    return {name: saved[name] for name in missing}


def _topic_of(partition: str) -> str:
    return partition.rpartition("/")[0]


def saved_ids(parts: Sequence[Path], step: str = INPUT, log_of: Callable[[bytes], str] = _log_of) -> dict[str, str]:
    """Return the id of the log of every saved partition; '' where none was saved."""
    return {name: log_of(state) if state is not None else "" for name, state in states_of(parts, step).items()}


def states_of(parts: Sequence[Path], step: str) -> dict[str, bytes | None]:
    """Return the last state that a step saved under each of its keys."""
    found: dict[str, tuple[int, bytes | None]] = {}
    query = "SELECT state_key, snap_epoch, ser_change FROM snaps WHERE step_id = ? ORDER BY snap_epoch"
    for path in parts:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as part:
            for name, epoch, state in part.execute(query, (step,)):
                if epoch >= found.get(name, (epoch, None))[0]:
                    found[name] = epoch, state
    return {name: bytes_of(state, f"the state of {name}") for name, (_, state) in found.items() if state is not None}
