"""The example of a gateway really moves the traffic."""

import io
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from infra.examples.gateway import Gateway, main
from operators.connectors.control.file import FileFollower
from tests.control_samples import event, line

ROOT = Path(__file__).parents[2]
IDS = [f"r-{number}" for number in range(2_000)]


def test_traffic_is_split_until_a_rollback_and_again_after_it_is_lifted(tmp_path: Path) -> None:
    path = tmp_path / "control.ndjson"
    gateway = Gateway(FileFollower(path, "beginning"), "m", {"v1": 0.9, "v2": 0.1})

    def shares() -> dict[str | None, float]:
        gateway.catch_up()
        return {version: count / len(IDS) for version, count in Counter(map(gateway.route, IDS)).items()}

    before = shares()
    assert 0.08 < before["v2"] < 0.12
    said = line(event(1, "v1"))
    path.write_bytes(said)
    assert shares() == {"v1": 1.0}
    path.write_bytes(said := said + line(event(2, None, "promote")))
    assert shares() == before
    path.write_bytes(said := said + line(event(3, kind="kill")))
    assert shares() == {"v1": 1.0}
    path.write_bytes(said := said + line(event(4, kind="kill", version="v1")))
    assert shares() == {None: 1.0}, "no version may answer"
    path.write_bytes(said + line(event(5, "v0")))
    assert shares() == {"v0": 1.0}, "a pinned version needs no weight"


def test_a_promotion_a_throttle_and_a_rollback_beside_another_candidate_are_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "control.ndjson"
    said = [
        event(1, kind="throttle", weights={"v2": 0.05}),
        event(2, "v1", version="v3", weights={"v2": 0.05, "v3": 0.0}, barred=("v3",), lifts=False),
        event(3, None, "promote", weights={"v2": 1.0}, barred=("v3",), lifts=True),
    ]
    gateway = Gateway(FileFollower(path, "beginning"), "m", {"v1": 0.8, "v2": 0.1, "v3": 0.1})
    counts = []
    for number in range(3):
        path.write_bytes(b"".join(line(each) for each in said[: number + 1]))
        gateway.catch_up()
        counts.append(Counter(map(gateway.route, IDS)))
    assert 50 < counts[0]["v2"] < 130
    assert counts[0]["v3"] > 150
    assert counts[1] == {"v1": 2_000 - counts[0]["v2"], "v2": counts[0]["v2"]}, "v3's went to v1, v2 has its own"
    assert counts[2] == {"v2": 2_000}


def test_it_runs_as_its_first_lines_say(tmp_path: Path) -> None:
    path = tmp_path / "control.ndjson"
    path.write_bytes(line(event(1, "v1")))
    done = subprocess.run(
        [sys.executable, "-m", "infra.examples.gateway", path, "m", "v1=0.9", "v2=0.1"],
        cwd=ROOT,
        input="a\nb\n",
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("a v1\nb v1\n", "m: v1 100.0%\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "needs CONTROL_FILE MODEL VERSION=WEIGHT"),
        (["control.ndjson", "m", "v1=a"], "'v1=a' is not VERSION=WEIGHT"),
        (["control.ndjson", "m", "v1"], "'v1' is not VERSION=WEIGHT"),
        (["control.ndjson", "m", "v1=-1", "v2=1"], "'v1=-1' is not VERSION=WEIGHT"),
        (["control.ndjson", "m", "v1=0"], "no version has a weight"),
    ],
)
def test_wrong_use_is_said(words: list[str], says: str) -> None:
    """It once ended in a traceback."""
    with pytest.raises(ValueError, match=re.escape(says)):
        main(*words)


def test_a_file_that_is_not_there_yet_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\n"))
    main(str(tmp_path / "none.ndjson"), "m", "v1=1")
    said = capsys.readouterr()
    assert said.out == "a v1\n"
    assert said.err.endswith("none.ndjson yet, so nothing is pinned\n")
