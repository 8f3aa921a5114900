"""Which partitions of which logs a recovery store goes on with, and what was saved, read before the engine starts."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from flows.recovery.contents import bytes_of
from flows.recovery.left_out import note, noted
from operators.connectors.replaced import fewer, made_again
from operators.ingest.position import SavedInput
from operators.recovery import content

INPUT = "rollguard.input"  # The step whose state says where reading goes on.
EVALUATION = "rollguard.judge.decide"  # That whose state says what was decided.
PANES = "rollguard.panes.close"  # That whose state says what is counted, and which commands were obeyed.


def _log_of(saved: bytes) -> str:
    state = content(saved)[1]
    return state.log_id if isinstance(state, SavedInput) else ""


def check_logs(
    parts: Sequence[Path], ids: Mapping[str, str], step: str = INPUT, log_of: Callable[[bytes], str] = _log_of
) -> dict[str, str]:
    """LogReplaced, Unreadable unless every saved partition is there, `ids` by partition, and of the log that was saved.

    `step` is that of the source, and `log_of` returns the id of the log that is in what it saves. Topics may be left
    out: what was saved of their partitions is returned, the id of the log by partition. But not at a start at which
    another topic is new, as that may be the same one under another name.
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
    """Return the id of the log of every partition that something is saved of; '' where none was saved with it."""
    return {name: log_of(state) if state is not None else "" for name, state in states_of(parts, step).items()}


def states_of(parts: Sequence[Path], step: str) -> dict[str, bytes | None]:
    """Return what a step has saved last under each of its keys."""
    found: dict[str, tuple[int, bytes | None]] = {}
    query = "SELECT state_key, snap_epoch, ser_change FROM snaps WHERE step_id = ? ORDER BY snap_epoch"
    for path in parts:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as part:
            for name, epoch, state in part.execute(query, (step,)):
                if epoch >= found.get(name, (epoch, None))[0]:
                    found[name] = epoch, state
    return {name: bytes_of(state, f"the state of {name}") for name, (_, state) in found.items() if state is not None}
