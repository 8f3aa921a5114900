"""What a gateway installs: the wheel and msgspec, and nothing else."""

import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))
ROUTES = """
import sys
from collections import Counter
from pathlib import Path
from gateway.pins import PinTable
from operators.connectors.control.file import FileFollower
from operators.wire.sealing import Verifier, keys_of

follower = FileFollower(Path(sys.argv[1]), "beginning")
table = PinTable(verifier=Verifier(keys_of("a:a secret of some length")))
for said in follower.read():
    table.take(said.body)
print(dict(Counter(table.route("m", f"user-{n}", {"v1": 0.9, "v2": 0.1}) for n in range(2_000))), dict(table.refusals))
print(sorted({name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"}))
"""


def run(*command: object, fails: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600, check=False, cwd=ROOT)
    assert (done.returncode != 0) == fails, done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder)
    run(sys.executable, "-m", "pip", "wheel", *options, ROOT)
    return next(folder.glob("rollguard-*.whl"))


@pytest.fixture(scope="module")
def gateway(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment of its own that holds the wheel and msgspec."""
    folder = tmp_path_factory.mktemp("gateway") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    site = next(folder.glob("lib/python*/site-packages"))
    shutil.copytree(SITE / "msgspec", site / "msgspec")
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    return python


def test_it_needs_msgspec_alone(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        name = next(each for each in archive.namelist() if each.endswith(".dist-info/METADATA"))
        needs = message_from_string(archive.read(name).decode()).get_all("Requires-Dist", [])
        tops = {each.partition("/")[0] for each in archive.namelist()}
    assert [re.split(r"[<>=~! ]", each)[0] for each in needs if "extra ==" not in each] == ["msgspec"]
    assert {"flows", "gateway", "operators"} <= tops


def test_an_environment_with_nothing_else_reports(gateway: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from gateway.outlets import FileOutlet\n"
        "from gateway.reporter import Reporter\n"
        "with Reporter(FileOutlet(Path(sys.argv[1]))) as reporter:\n"
        "    with reporter.request('m', 'v1'):\n"
        "        pass\n"
        "print(reporter.counts)\n"
    )
    assert run(gateway, "-c", code, tmp_path).stdout == "{'sent': 1, 'dropped': 0, 'lost': 0}\n"
    assert b'"model":"m"' in (tmp_path / "events.ndjson").read_bytes()


def test_an_environment_with_nothing_else_obeys(gateway: Path, tmp_path: Path) -> None:
    code = (
        "from operators.wire.sealing import keys_of, seal\n"
        "from tests.control_samples import event\n"
        'key = keys_of("a:a secret of some length")[0]\n'
        "said = event(1, None, 'promote', weights={'v2': 1.0}, lifts=True)\n"
        "print(seal(said, key).decode())\n"
        "print(seal(event(2, 'v1'), None).decode())\n"
    )
    control = tmp_path / "control.ndjson"
    control.write_text(run(sys.executable, "-c", code).stdout)
    told = run(gateway, "-I", "-c", ROUTES, control).stdout.splitlines()
    assert told == ["{'v2': 2000} {'unsigned': 1}", "['gateway', 'msgspec', 'operators']"]


def test_the_command_says_what_is_missing_there(gateway: Path) -> None:
    done = run(gateway.with_name("rollguard"), "check", fails=True)
    assert done.returncode == 2
    assert re.fullmatch(r'rollguard: package \w+ is missing: pip install "rollguard\[monitor\]"\n', done.stderr)


def test_a_gateway_on_kafka_needs_no_stream_engine() -> None:
    """Neither what follows the topic, nor the OpenFeature provider, imports more than their extras have."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [*project["optional-dependencies"]["kafka"], *project["optional-dependencies"]["openfeature"]]
    allowed = {re.split(r"[<>=]", each)[0].replace("-", "_").removesuffix("_sdk") for each in extras}
    code = (
        "import sys, gateway.openfeature, operators.connectors.control.topic\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    known = {"__main__", "_distutils_hack", "gateway", "operators", "msgspec", "typing_extensions"}
    assert set(run(sys.executable, "-c", code).stdout.split()) - known <= allowed
