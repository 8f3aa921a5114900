"""`rollguard gate`: thin."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import typer

from flows import policy_files, settings
from flows.cli_errors import fail, guarded
from flows.input_options import DataOption, PolicyOption
from flows.plain import plain
from flows.triage import gate, store
from flows.triage import gate_options as given
from flows.triage.panel import Panel, panel_of
from flows.triage.sets import cases_of, tell_deleted
from operators.connectors.chat.model import ModelEndpoint, WrongEndpoint
from operators.evals.asking import Ask
from operators.evals.case import EvalCase
from operators.evals.exports import read_exported
from operators.evals.junit import junit
from operators.evals.sets import EvalSet


@guarded
def gate_command(
    model: given.Model,
    version: given.Version,
    endpoint: given.Endpoint,
    baseline: given.Baseline = None,
    alone: given.Alone = False,
    baseline_endpoint: given.BaselineEndpoint = None,
    name: given.Name = "{version}",
    wanted: given.Wanted = "latest",
    cases_file: given.CasesFile = None,
    evaluators: given.Evaluators = None,
    comparing: given.Comparing = None,
    allow_known: given.AllowKnown = False,
    repeat: given.Repeat = gate.REPEAT,
    concurrency: given.Concurrency = gate.CONCURRENCY,
    timeout: given.Timeout = 60.0,
    out: given.JUnit = None,
    policy: PolicyOption = None,
    data: DataOption = None,
) -> None:
    """Put an eval set to a version before it is released: exit 1 if it breaks a case, with what broke."""
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        fail(f"--junit {out}: must be a file in a folder that is there", 2)
    where = settings.load()
    rules = policy_files.load_policy(policy or where.policy)
    arms = _arms(version, endpoint, baseline, baseline_endpoint, alone)
    ModelEndpoint.check(*arms.values())
    sought = baseline is None and not alone and cases_file is None and "{version}" in name
    if not sought:
        _check_compared(baseline, allow_known, comparing, baseline_endpoint)
    set_, cases, deleted = _cases(where, data, model, wanted, cases_file)
    if sought:
        baseline = _serving(where, data, model, version)
        typer.echo(plain(f"baseline: {baseline or 'none, as nobody knows which version serves'}"))
        arms |= {} if baseline is None else {baseline: baseline_endpoint or endpoint}
    _check_compared(baseline, allow_known, comparing, baseline_endpoint)
    named = {each: (url, name.replace("{model}", model).replace("{version}", each)) for each, url in arms.items()}
    at = int(time.time() * 1000)
    with panel_of(rules, cases, evaluators or [], comparing).opened() as panel:
        with _asked(named, panel, where.gate_key, timeout) as asks:
            ran = gate.run(cases, asks, version, baseline, repeat, concurrency)
        if comparing is not None and baseline is not None:
            ran = gate.compared(ran, cases, version, baseline, panel, comparing, concurrency)
    if cases_file is None:
        with store.opened(settings.store(where, data)) as tables:
            gate.keep_all(tables, set_, ran, at, rules.archive.texts)
    _finish(set_, cases, ran, version, out, allow_known)
    tell_deleted(deleted)
    if not ran.held(allow_known):
        fail(f"{_title(set_, version)}: not to be released", 1)


def _arms(
    version: str, endpoint: str, baseline: str | None, baseline_endpoint: str | None, alone: bool
) -> dict[str, str]:
    """Return the versions that are asked, and where. WrongEndpoint."""
    if not version.strip() or (baseline is not None and not baseline.strip()):
        raise WrongEndpoint("--version and --baseline: must not be empty")
    if alone and baseline is not None:
        raise WrongEndpoint("--no-baseline: and --baseline names one")
    if baseline is None:
        return {version: endpoint}
    if baseline == version:
        raise WrongEndpoint(f"--baseline {baseline!r}: is the version itself")
    return {version: endpoint, baseline: baseline_endpoint or endpoint}


def _check_compared(
    baseline: str | None, allow_known: bool, comparing: str | None, baseline_endpoint: str | None
) -> None:
    if baseline is None and (allow_known or comparing is not None or baseline_endpoint is not None):
        raise WrongEndpoint("--allow-known, --compare and --baseline-endpoint need a --baseline")


def _serving(where: settings.Settings, data: Path | None, model: str, version: str) -> str | None:
    """Return the version that now answers the users of a model, if it is known and not `version`."""
    with store.opened(settings.store(where, data)) as tables:
        rows = tables.ask(store.text_of("released"), model=model, besides=version)
    return str(rows[0]["version"]) if rows else None


@contextmanager
def _asked(
    named: Mapping[str, tuple[str, str]], panel: Panel, key: str | None, timeout: float
) -> Iterator[dict[str, Ask]]:
    with ExitStack() as stack:
        yield {
            version: gate.asker(
                stack.enter_context(ModelEndpoint(url, called, key=key, timeout_s=timeout)), panel.failed
            )
            for version, (url, called) in named.items()
        }


def _finish(
    set_: EvalSet,
    cases: list[EvalCase],
    ran: gate.Ran,
    version: str,
    out: Path | None,
    allow_known: bool,
) -> None:
    """Print the result, and write it to `out` if given."""
    tries = ran.tries[version]
    if out is not None:
        out.write_bytes(junit(_title(set_, version), cases, tries, ran.found, allow_known, ran.preferences))
    for line in gate.report(version, cases, tries, ran.found, ran.held(allow_known)):
        typer.echo(plain(line))
    if ran.preferences is not None:
        typer.echo(plain(ran.preferences.words))


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
