"""`rollguard gate`: thin."""

import time
from pathlib import Path
from typing import Annotated

import typer

from flows import settings
from flows.cli_errors import fail, guarded
from flows.plain import plain
from flows.triage import gate, store
from flows.triage.sets import cases_of, tell_deleted
from operators.connectors.chat.model import ModelEndpoint, WrongEndpoint
from operators.evals.case import EvalCase
from operators.evals.exports import read_exported
from operators.evals.junit import junit
from operators.evals.sets import EvalSet


@guarded
def gate_command(
    model: Annotated[str, typer.Argument(help="The model whose eval set it is.")],
    version: Annotated[str, typer.Option("--version", help="The version that may be released.")],
    endpoint: Annotated[str, typer.Option("--endpoint", help="Its address, such as https://host/v1.")],
    baseline: Annotated[str | None, typer.Option("--baseline", help="The version it is compared with.")] = None,
    baseline_endpoint: Annotated[
        str | None, typer.Option("--baseline-endpoint", help="The address of that; default: the same.")
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="What the endpoint calls a version; {model} and {version} are filled in.")
    ] = "{version}",
    wanted: Annotated[str, typer.Option("--set", help="NUMBER, NUMBER:HASH, or latest.")] = "latest",
    cases_file: Annotated[
        Path | None, typer.Option("--cases", help="A set that `evals export` wrote, instead of the store.")
    ] = None,
    allow_known: Annotated[
        bool, typer.Option("--allow-known", help="What the baseline fails as well may fail.")
    ] = False,
    repeat: Annotated[int, typer.Option("--repeat", min=1, max=99, help="How often a case that fails is asked.")] = 3,
    concurrency: Annotated[int, typer.Option("--concurrency", min=1, max=64, help="Cases at once.")] = 4,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds that one answer may take.")] = 60.0,
    out: Annotated[Path | None, typer.Option("--junit", help="The file to write JUnit XML to.")] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="The policy; default: the one with rollguard.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="The folder of an embedded store.")] = None,
) -> None:
    """Put an eval set to a version before it is released: exit 1 if it breaks a case, with what broke."""
    where = settings.load()
    texts = settings.load_policy(policy or where.policy).archive.texts
    arms = _arms(version, endpoint, baseline, baseline_endpoint, allow_known)
    asked = {
        each: gate.asker(_endpoint(url, _named(name, model, each), where.gate_key, timeout))
        for each, url in arms.items()
    }
    set_, cases, deleted = _cases(where, data, model, wanted, cases_file)
    at = int(time.time() * 1000)
    ran = gate.run(cases, asked, version, baseline, repeat, concurrency)
    tries, found = ran.tries, ran.found
    if cases_file is None:
        with store.opened(settings.store(where, data)) as tables:
            gate.keep_all(tables, set_, ran, at, texts)
    if out is not None:
        out.write_bytes(junit(_title(set_, version), cases, tries[version], found, allow_known))
    for line in gate.report(version, cases, tries[version], found, found.held(allow_known)):
        typer.echo(plain(line))
    tell_deleted(deleted)
    if not found.held(allow_known):
        fail(f"{_title(set_, version)}: not to be released", 1)


def _arms(
    version: str, endpoint: str, baseline: str | None, baseline_endpoint: str | None, allow_known: bool
) -> dict[str, str]:
    """Return the versions that are asked, and where. WrongEndpoint."""
    if baseline is None:
        if allow_known or baseline_endpoint is not None:
            raise WrongEndpoint("--allow-known and --baseline-endpoint need a --baseline")
        return {version: endpoint}
    if baseline == version:
        raise WrongEndpoint(f"--baseline {baseline!r}: is the version itself")
    return {version: endpoint, baseline: baseline_endpoint or endpoint}


def _title(set_: EvalSet, version: str) -> str:
    return f"eval set {set_.number}:{set_.hash} of {set_.model} on {version}"


def _cases(
    where: settings.Settings, data: Path | None, model: str, wanted: str, file: Path | None
) -> tuple[EvalSet, list[EvalCase], int]:
    if file is None:
        with store.opened(settings.store(where, data)) as tables:
            return cases_of(tables, model, wanted)
    cases = read_exported(file.read_bytes(), model)
    ids = tuple(sorted(case.id for case in cases))
    return EvalSet(model=model, number=0, cases=ids, at=0, by=str(file)), cases, 0


def _endpoint(url: str, name: str, key: str | None, timeout: float) -> ModelEndpoint:
    try:
        return ModelEndpoint(url, name, key=key, timeout_s=timeout)
    except WrongEndpoint as error:
        raise WrongEndpoint(f"--endpoint: {error}") from error


def _named(name: str, model: str, version: str) -> str:
    return name.replace("{model}", model).replace("{version}", version)
