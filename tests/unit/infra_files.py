"""The files that run rollguard elsewhere, read into what they say; `test_infra.py` judges it."""

import configparser
import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import typer
import yaml

from flows import cli

ROOT = Path(__file__).parents[2]
DOCKERFILE, COMPOSE = "infra/Dockerfile", "infra/compose.yaml"
WORKER, CLUSTER = "infra/kubernetes/worker.yaml", "infra/kubernetes/cluster.yaml"
ARCHIVE, ENRICH = "infra/kubernetes/archive.yaml", "infra/kubernetes/enrich.yaml"
EVALUATE = "infra/kubernetes/evaluate.yaml"
# The name of what each file runs.
WORKLOADS = {
    WORKER: "rollguard",
    CLUSTER: "rollguard",
    ARCHIVE: "rollguard-archive",
    ENRICH: "rollguard-enrich",
    EVALUATE: "rollguard-evaluate",
}
UNITS = {name: f"infra/systemd/rollguard-{name}.service" for name in ("archive", "enrich", "evaluate")}
ONE, MANY, TARGET = (f"infra/systemd/rollguard{end}" for end in (".service", "@.service", ".target"))
ENVIRONMENT = "infra/systemd/environment.example"
SETTINGS, SECRET = "infra/kubernetes/settings.yaml", "infra/kubernetes/secret.example.yaml"
MONITOR = "infra/kubernetes/podmonitor.yaml"
PAGE, PAGE_UNIT = "infra/kubernetes/page.yaml", "infra/systemd/rollguard-page.service"
REPORTED = "infra/kubernetes/evaluate-reported.yaml"
REPORTED_UNIT, REPORTED_TIMER = (f"infra/systemd/rollguard-evaluate-reported.{end}" for end in ("service", "timer"))
PATHS = (
    PAGE, PAGE_UNIT, REPORTED, REPORTED_UNIT, REPORTED_TIMER,
    DOCKERFILE, ".dockerignore", COMPOSE, *WORKLOADS, SETTINGS, SECRET, MONITOR, ONE, MANY, TARGET, ENVIRONMENT,
    *UNITS.values(),
)  # fmt: skip

FLOWS = ("run", "archive", "enrich", "evaluate")

Files = Mapping[str, str]  # Text by path.


def interpolated(text: str) -> str:
    """Do as compose does where no variable is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")


@cache
def _documents(text: str) -> list[Any]:
    """What YAML says, which takes long to read and is read by many checks."""
    return list(yaml.safe_load_all(text))


def objects(files: Files, path: str) -> dict[str, Any]:
    """Kubernetes objects by kind and name."""
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in _documents(files[path])}


def services(files: Files) -> dict[str, Any]:
    services: dict[str, Any] = _documents(interpolated(files[COMPOSE]))[0]["services"]
    return services


def containers(files: Files, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pod(files, path)["containers"]
    return found


def pod(files: Files, path: str) -> dict[str, Any]:
    spec: dict[str, Any] = objects(files, path)[f"StatefulSet/{WORKLOADS[path]}"]["spec"]["template"]["spec"]
    return spec


def unit(files: Files, path: str) -> dict[str, list[str]]:
    """All values of each directive of a unit, whatever its section."""
    found: dict[str, list[str]] = {}
    for line in files[path].splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def environment(files: Files) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string("[all]\n" + files[ENVIRONMENT])
    return {name: value.strip('"') for name, value in parser["all"].items()}


def instruction(files: Files, name: str) -> str:
    """The last one of its name, with its continuation lines as one."""
    found: list[str] = re.findall(rf"^{name} (.*)$", files[DOCKERFILE].replace("\\\n", " "), flags=re.MULTILINE)
    return found[-1]


def command_lines(files: Files) -> dict[str, list[str]]:
    """What is given to `rollguard`, by where that stands."""
    found = {f"{DOCKERFILE} CMD": msgspec.json.decode(instruction(files, "CMD"), type=list[str])}
    for name, service in services(files).items():
        if service["image"] == "rollguard":
            found[f"{COMPOSE} {name}"] = service["command"]
    for path in WORKLOADS:
        found |= {f"{path} {each['name']}": each["args"] for each in containers(files, path)}
    addresses = environment(files)["ADDRESSES"]
    for path in (ONE, MANY, *UNITS.values()):
        (line,) = unit(files, path)["ExecStart"]
        for number in range(1 if path != MANY else len(addresses.split(";"))):
            filled = line.replace("%i", str(number)).replace("${ADDRESSES}", shlex.quote(addresses))
            found[f"{path} {number}"] = shlex.split(filled)[1:]
    for path, text in files.items():  # And those in comments, up to the end of what is surely theirs.
        said = re.findall(r"run --rm worker (.+)$", text, flags=re.MULTILINE)
        found |= {f"{path} comment {at}": shlex.split(line) for at, line in enumerate(said)}
    return found


@cache
def _program() -> Any:
    return typer.main.get_command(cli.app)


def parsed(arguments: list[str]) -> dict[str, Any]:
    """What the command line makes of arguments, without doing it. TyperException if it refuses them."""
    group = _program()
    command = group.commands[arguments[0]]
    params: dict[str, Any] = command.make_context(arguments[0], list(arguments[1:])).params
    return params


def runs(files: Files) -> dict[str, dict[str, Any]]:
    """The options of every worker."""
    return {where: parsed(line) for where, line in command_lines(files).items() if line[0] in FLOWS}
