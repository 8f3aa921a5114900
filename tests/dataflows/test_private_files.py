"""What is written is for its owner alone, even where the mask of the process lets everybody in."""

import subprocess
import sys
from pathlib import Path

import pytest

EVENT = '{"request_id":"r%d","ts":%d,"model":"m","version":"v","latency_ms":%d}\n'
PROGRAM = Path(sys.executable).with_name("rollguard")
STORE = """
import sys
from pathlib import Path
from flows.private import keep_private
from flows.recovery.store import opened
keep_private()
with opened(Path(sys.argv[1]), 0, 1):
    pass
"""


def open_to_others(folder: Path) -> list[str]:
    return [
        f"{path} {path.stat().st_mode & 0o777:o}"
        for path in [folder, *folder.rglob("*")]
        if path.stat().st_mode & 0o077
    ]


def test_files_and_folders_are_for_their_owner(tmp_path: Path) -> None:
    events, home = tmp_path / "events.ndjson", tmp_path / "home"
    events.write_text("".join(EVENT % (at, 1_760_000_000_000 + 1_000 * at, at) for at in range(300)) + "{\n")
    home.mkdir(mode=0o700)
    commands: list[list[str | Path]] = [
        [PROGRAM, "replay", events, "--out", home / "out"],
        [PROGRAM, "reference", "build", events, "--out", home / "profile.json"],
        [sys.executable, "-c", STORE, home / "recovery"],
    ]
    for words in commands:
        done = subprocess.run(words, umask=0, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    written = {path.name for path in home.rglob("*")}
    assert written >= {"deadletter.ndjson", "control.ndjson", "summary.json", "clickhouse", "profile.json", "recovery"}
    assert len(written) > 20
    assert not open_to_others(home)


def test_a_folder_open_to_others_would_be_seen(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "file").touch(0o600)
    assert not open_to_others(tmp_path)
    (tmp_path / "file").chmod(0o640)
    with pytest.raises(AssertionError):
        assert not open_to_others(tmp_path)
