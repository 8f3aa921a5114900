"""The folder of a demo: what demos leave there, and how the next one takes it over."""

import shutil
from pathlib import Path

import msgspec

from flows import replay

MARKER = "demo.json"
EVENTS, FEEDBACK, POLICY, PROFILE = "events.ndjson", "feedback.ndjson", "policy.toml", "profile.json"
USERS, SCORES, GOLDEN = "users.ndjson", "judged", "golden.ndjson"  # Of `--llm` only.
RESULTS = ("clickhouse", replay.DEAD_LETTERS, replay.CONTROL, "summary.json", "metrics.prom")
# All that a demo leaves; the next one removes these and nothing else.
LEFT = (*RESULTS, EVENTS, FEEDBACK, POLICY, PROFILE, USERS, SCORES, GOLDEN, MARKER)


def claim(data: Path, world: msgspec.Struct) -> None:
    """Remove what an earlier demo left. FolderInUse if the folder holds anything and no demo has used it."""
    if not (data / MARKER).exists() and any(path.name != replay.LOCK for path in data.iterdir()):
        raise replay.FolderInUse(
            f"{data}: the folder holds something other than an earlier demo; name another with --data, or empty it"
        )
    for path in (data / name for name in LEFT if name != MARKER):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    # The marker is never removed, so that an interrupted demo is recognised too.
    (data / MARKER).write_bytes(msgspec.json.format(msgspec.json.encode(world)) + b"\n")
