"""The story of a bug, by the commands' own code: served, judged, complained about, understood, tested, stopped.

Each step takes what the one before left in the folder or its store, and the next demo replaces it.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
from prometheus_client import CollectorRegistry
from rich.console import Console

from flows import policy_files, replay, settings
from flows.demo.decided import control_events
from flows.demo.folder import EVENTS, GOLDEN, POLICY, SCORES, USERS, claim
from flows.demo.llm import printed
from flows.demo.llm.assistant import BASELINE, CANDIDATE, MENDED, MODEL, RETRY
from flows.demo.llm.endpoint import endpoint
from flows.demo.llm.known import CAUSE, golden, policy
from flows.demo.llm.world import World, complaints, served, truth
from flows.evaluate import files as evaluate
from flows.triage import acting, gate, showing, store
from flows.triage.collect import collect
from flows.triage.panel import panel_of
from flows.triage.sets import cases_of
from operators.connectors.chat.model import ModelEndpoint
from operators.connectors.clickhouse.tables import Row, Tables
from operators.connectors.stop import Stop
from operators.evals.case import EvalCase
from operators.evals.checks import check_of
from operators.ingest.formats.format import Stream
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.spans import HOUR_MS

PERSON = "you"
# Whether the gate must let each version pass, in the order in which they are tried.
EXPECTED = ((BASELINE, True), (CANDIDATE, False), (RETRY, False), (MENDED, True))


class StoryFailed(Exception):
    """A step of the story did not end as told; the message says which."""


class Interrupted(Exception):
    """Somebody asked to stop."""


def last_hour() -> World:
    """Return the world of a demo that starts now: no timestamp lies in the future."""
    now_ms = int(time.time() * 1000)
    return World(start_ms=now_ms // HOUR_MS * HOUR_MS - HOUR_MS)


def run(world: World, data: Path, stop: Stop, console: Console, opened: Callable[[], None] = lambda: None) -> None:
    """Tell the story; everything ends up in `data`. StoryFailed, Interrupted, FolderInUse.

    `opened` is called once the store has its tables.
    """
    with endpoint() as address:
        with replay.own(data, lambda out: claim(out, world)):
            printed.introduce(console)
            _serve(world, data, address, console)
        rules = policy_files.load_policy(data / POLICY)
        _judge(rules, data, stop, console)
        _watch(rules, data, stop, console, opened)
        with store.opened(settings.embedded(data)) as tables:
            _convert(tables, _triage(tables, rules, console), console)
            _gate(tables, address, rules, console)
    printed.conclude(data, console)


def _serve(world: World, data: Path, address: str, console: Console) -> None:
    events = list(served(world))
    users = complaints(world, events)
    for name, items in ((EVENTS, events), (USERS, users)):
        (data / name).write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in items))
    (data / POLICY).write_text(policy(address), "utf-8")
    (data / GOLDEN).write_text(golden(), "utf-8")
    printed.serving(world, events, users, console)


def _judge(rules: Policy, data: Path, stop: Stop, console: Console) -> None:
    """What `rollguard evaluate events.ndjson --out judged` does."""
    outcome = evaluate.run([data / EVENTS], rules, data, data / SCORES, stop, Metrics(CollectorRegistry()))
    if stop.requested:
        raise Interrupted
    printed.judging(data / SCORES / evaluate.FEEDBACK, outcome.failed, console)


def _watch(rules: Policy, data: Path, stop: Stop, console: Console, opened: Callable[[], None]) -> None:
    """What `rollguard replay --archive` does with the events, the judgements and what users say."""
    streams: dict[Stream, Sequence[Path]] = {
        "events": [data / EVENTS, data / SCORES / evaluate.EVENTS],
        "feedback": [data / USERS, data / SCORES / evaluate.FEEDBACK],
    }
    inputs = replay.inputs_of(streams, rules, lambda name, count: None)
    metrics = Metrics(CollectorRegistry())
    replay.run(inputs, rules, data, stop, metrics, claim=lambda out: None, archive=True, opened=opened)
    if stop.requested:
        raise Interrupted
    rollback = next((each for each in control_events(data / replay.CONTROL) if each.type == "rollback"), None)
    if rollback is None or rollback.version != CANDIDATE:
        raise StoryFailed(f"the judge's scores did not prove that {CANDIDATE} is worse")
    printed.watching(rollback, console)


def _triage(tables: Tables, rules: Policy, console: Console) -> list[Row]:
    """What `rollguard triage collect` and `list` do. Return the clusters that users complain about."""
    made = collect(tables, rules)
    rows = showing.one_of_each(store.board(tables, model=MODEL))
    printed.triaging(made, rows, {case.id: case for case in store.cases(tables)}, console)
    reported = [row for row in rows if row["reason"] == "report"]
    if not reported or any(row["version"] != CANDIDATE for row in reported):
        raise StoryFailed(f"users did not report {CANDIDATE} alone")
    return reported


def _convert(tables: Tables, rows: Sequence[Row], console: Console) -> None:
    """What `rollguard triage label --cluster` and `convert --contains` do with what a person says."""
    ids = [row["id"] for row in rows]
    named = acting.found(tables, ids, cluster=True)
    acting.act(tables, named, "label", PERSON, root_cause=CAUSE, note="the exception is left out", skip=True)
    held: dict[str, list[str]] = {}
    for case in store.cases(tables, ids):
        held.setdefault(truth(case.input), []).append(case.id)  # A person reads the handbook.
    tests: dict[str, EvalCase] = {}
    for sentence, some in held.items():
        checks = [check_of("contains", sentence)]
        made, sets = acting.convert(tables, acting.found(tables, some), checks, PERSON, asked=None, note="")
        tests |= {test.id: test for test in made}
    printed.converting(list(tests.values()), sets[-1], console)


def _gate(tables: Tables, address: str, rules: Policy, console: Console) -> None:
    """What `rollguard gate` does with each version. StoryFailed if a result is not the EXPECTED one."""
    set_, cases, _ = cases_of(tables, MODEL, "latest")
    printed.gating(console)
    with ExitStack() as stack:
        panel = stack.enter_context(panel_of(rules, cases, [], None).opened())
        endpoints = {each: stack.enter_context(ModelEndpoint(address, each)) for each, _ in EXPECTED}
        asks = {each: gate.asker(endpoint, panel.failed) for each, endpoint in endpoints.items()}
        for version, good in EXPECTED:
            ran = gate.run(cases, asks, version, None if version == BASELINE else BASELINE)
            gate.keep_all(tables, set_, ran, int(time.time() * 1000), rules.archive.texts)
            held = ran.held(allow_known=False)
            printed.gated(version, ran, cases, held, console)
            if held is not good:
                raise StoryFailed(f"the gate {'let' if held else 'did not let'} {version} pass")
