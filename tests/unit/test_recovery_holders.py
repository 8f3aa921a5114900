"""Who may start on a recovery store, and who must wait for whom."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.recovery import holders
from flows.recovery.holders import StoreInUse, held

HOLD = """
import sys
from pathlib import Path
from flows.recovery.holders import held
with held(Path(sys.argv[1]), int(sys.argv[2])) as holder:
    if sys.argv[3] == "at work":
        holder.begin()
    print("held", flush=True)
    sys.stdin.read()
"""


def holding(folder: Path, process: int, what: str) -> subprocess.Popen[str]:
    """Another process that holds a number until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(folder), str(process), what]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "WAIT_S", 0.2)
    monkeypatch.setattr(holders, "LOCK_WAIT_S", 0.2)


def test_a_number_is_held_once_and_free_when_its_holder_is_killed(short: None, tmp_path: Path) -> None:
    other = holding(tmp_path, 0, "at work")
    with pytest.raises(StoreInUse, match="another worker is using this recovery store"), held(tmp_path, 0):
        pass
    other.kill()
    other.communicate()
    with held(tmp_path, 0) as holder:
        holder.wait_for_others()


def test_peers_that_start_do_not_wait_for_each_other(short: None, tmp_path: Path) -> None:
    other = holding(tmp_path, 1, "starting")
    with held(tmp_path, 0) as holder:
        holder.wait_for_others()
    other.communicate()


def test_who_is_left_of_the_run_before_is_waited_for(
    short: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may still write what decides which epoch to resume with."""
    other = holding(tmp_path, 1, "at work")
    with held(tmp_path, 0) as holder:
        with pytest.raises(StoreInUse, match="process 1 of the run before is still at work"):
            holder.wait_for_others()
        monkeypatch.setattr(holders, "WAIT_S", 30.0)
        other.kill()
        holder.wait_for_others()
    other.communicate()


def test_that_a_holder_was_at_work_ends_with_it(short: None, tmp_path: Path) -> None:
    with held(tmp_path, 1) as holder:
        holder.begin()
    other = holding(tmp_path, 1, "starting")
    with held(tmp_path, 0) as holder:
        holder.wait_for_others()
    other.communicate()
