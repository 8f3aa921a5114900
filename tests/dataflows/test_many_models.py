"""A log of models that somebody made up, thousands of them: bounded memory, and an end as soon as it is asked for.

`make prove` has 100,000 of them.
"""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import IO, Any

from tests.dataflows.test_cli import ENVIRONMENT, ROOT, command

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
MODELS = 100_000 if PROVE else 4_000
PER_SECOND = 100  # Of event time.
START_MS = 1_760_000_000_000
RSS_MAX_MIB = 1_024  # With the embedded ClickHouse, which takes half of it.
END_S_MAX = 30.0  # Of work, at full length.


def _event(index: int) -> bytes:
    body = {
        "request_id": f"r{index}",
        "ts": START_MS + index * 1_000 // PER_SECOND,
        "model": f"made-up-{index}",
        "version": "v1",
        "latency_ms": 5,
        "slices": {"region": "eu", "segment": "pro"},
    }
    return json.dumps(body).encode() + b"\n"


def _read_by_somebody(pipe: Path, text: bytes) -> IO[bytes]:
    """Return a pipe out of which a text was read, but for the last of it, still open.

    Whoever only looks whether it can be opened goes away in the middle.
    """
    while True:
        file = pipe.open("wb", buffering=0)
        try:
            file.write(text)
        except BrokenPipeError:
            file.close()
        else:
            return file


def _worked_s(process: int) -> float:
    """How long a process has worked, all threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak_mib(process: int) -> float:
    """The most memory a process has had, until it ends; what is known of one that has ended includes its parent's."""
    most = 0
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        status = Path(f"/proc/{process}/status").read_text()
        most = max(most, int(status.partition("VmHWM:")[2].partition("kB")[0] or 0))
        time.sleep(0.02)
    return most / 1_024


def test_models_without_number_take_bounded_memory_and_hold_up_no_end(tmp_path: Path, record_property: Any) -> None:
    """Asked to end in the middle of them: the input is a pipe that ends only after that."""
    pipe = tmp_path / "events.ndjson"
    os.mkfifo(pipe)
    with subprocess.Popen(
        command("replay", pipe, "--out", tmp_path / "out"),
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            with _read_by_somebody(pipe, b"".join(map(_event, range(MODELS)))):
                asked_s = _worked_s(process.pid)
                process.send_signal(signal.SIGTERM)
            most_mib = _peak_mib(process.pid)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            ended_s = used.ru_utime + used.ru_stime - asked_s
            assert process.stderr is not None
            assert process.stderr.read() == b"rollguard: interrupted: not all panes are closed\n"
        finally:
            process.kill()
    assert process.returncode == 1
    if PROVE:
        assert ended_s < END_S_MAX
    assert 100 < most_mib < RSS_MAX_MIB
    record_property("figures", f"{MODELS} models: ended after {ended_s:.1f} s of work, at most {most_mib:.0f} MiB")
