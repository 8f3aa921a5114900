"""The files that have complaints judged once an hour: one at a time, with what it needs and no more."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows import settings
from tests.unit.infra_files import (
    PATHS,
    REPORTED,
    REPORTED_TIMER,
    REPORTED_UNIT,
    ROOT,
    SECRET,
    SETTINGS,
    Files,
    instruction,
    objects,
    parsed,
    unit,
)

NAME = "rollguard-evaluate-reported"
HOUR_S = 3_600


@pytest.fixture(scope="module")
def files() -> Files:
    return {path: (ROOT / path).read_text() for path in PATHS}


def job(files: Files) -> dict[str, Any]:
    found: dict[str, Any] = objects(files, REPORTED)[f"CronJob/{NAME}"]["spec"]
    return found


def test_both_run_what_sends_what_it_judged(files: Files) -> None:
    (container,) = job(files)["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (line,) = unit(files, REPORTED_UNIT)["ExecStart"]
    for arguments in (container["args"], line.split()[1:]):
        params = parsed(arguments)
        assert (params["reported"], params["out"], params["files"]) == (True, None, ())
        assert params["policy"] is None, "the policy is that of the environment"


def test_there_is_one_at_a_time_and_it_ends_before_the_next(files: Files) -> None:
    spec = job(files)
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] < HOUR_S
    assert len(spec["schedule"].split()) == 5
    assert spec["schedule"].split()[1:] == ["*"] * 4
    found, timer = unit(files, REPORTED_UNIT), unit(files, REPORTED_TIMER)
    assert found["Type"] == ["oneshot"]
    assert float(found["TimeoutStartSec"][0]) < HOUR_S
    assert (timer["OnCalendar"], timer["WantedBy"]) == (["hourly"], ["timers.target"])
    assert Path(REPORTED_TIMER).stem == Path(REPORTED_UNIT).stem, "a timer starts the service of its name"


def test_it_has_what_it_needs_and_no_more(files: Files) -> None:
    inside = job(files)["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = inside["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    user = inside["securityContext"]
    assert user["runAsNonRoot"]
    assert f"{user['runAsUser']}:{user['runAsGroup']}" == instruction(files, "USER")
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in inside["volumes"]}
    assert "emptyDir" in volumes[mounts["/tmp"]], "nothing else can be written"  # noqa: S108
    given = objects(files, SETTINGS) | objects(files, SECRET)
    policy = Path(given["ConfigMap/rollguard-environment"]["data"]["ROLLGUARD_POLICY"])
    assert volumes[mounts[str(policy.parent)]]["configMap"]["name"] == "rollguard-policy"
    assert [source[kind]["name"] for source in container["envFrom"] for kind in source] == [
        "rollguard-environment", "rollguard",
    ]  # fmt: skip
    labels = job(files)["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    network = objects(files, REPORTED)[f"NetworkPolicy/{NAME}"]["spec"]
    assert (network["podSelector"]["matchLabels"], network["ingress"]) == (labels, [])
    found = unit(files, REPORTED_UNIT)
    wanted = {
        "User": "rollguard", "NoNewPrivileges": "yes", "ProtectSystem": "strict", "PrivateTmp": "yes",
        "EnvironmentFile": "/etc/rollguard/environment", "UMask": "0077",
    }  # fmt: skip
    assert {name: found[name] for name in wanted} == {name: [value] for name, value in wanted.items()}


def test_its_role_may_read_what_it_asks_for() -> None:
    folder = settings.migrations()
    grants = (folder / "access" / "grants.sql").read_text()
    query = (folder / "evaluate" / "reported.sql").read_text()
    assert "FROM request_latest" in query
    assert "FROM feedback_latest" in query
    for table in ("request", "request_latest", "feedback", "feedback_latest", "schema_versions"):
        assert f"GRANT SELECT ON rollguard.{table} TO rollguard_evaluator;" in grants


def test_units_are_understood_by_systemd(files: Files, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not there")
    names = []
    for path in (REPORTED_UNIT, REPORTED_TIMER):
        # It wants programs to be there.
        text = files[path].replace("/opt/rollguard/bin/rollguard", shutil.which("true") or "")
        (tmp_path / Path(path).name).write_text(text)
        names.append(str(tmp_path / Path(path).name))
    words = ["systemd-analyze", "verify", "--man=no", *names]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=180)
    assert (done.returncode, done.stderr) == (0, "")
