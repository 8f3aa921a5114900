"""Judges files: `rollguard evaluate FILE...` writes the feedback, and the judges' own events, as files in a folder."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.run import cli_main

from flows.enrich.files import reader_of
from flows.evaluate.counting import count_taken
from flows.evaluate.flow import build
from flows.evaluate.materials import judges_of
from operators.connectors.files import LineFile
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.sources.evaluate import EvaluateSource, Spoken, TakenEvents
from operators.sources.input import Input, InputWatch

FEEDBACK, EVENTS = "feedback.ndjson", "judges.ndjson"
EPOCH = timedelta(seconds=1)


class OutputThere(Exception):
    """The folder already has such files."""


class Outcome:
    """The result of a run."""

    def __init__(self) -> None:
        self.events = self.refused = self.judged = self.failed = self.skipped = 0

    def take(self, taken: TakenEvents) -> None:
        self.events += taken.events
        self.refused += taken.refused
        self.judged += taken.judgements.judged.total()
        self.failed += taken.judgements.failed.total()
        self.skipped += taken.judgements.skipped.total()


def run(
    files: Sequence[Path],
    policy: Policy,
    folder: Path,
    out: Path,
    stop: Stop,
    metrics: Metrics,
    form: str = "native",
    reported: frozenset[str] = frozenset(),
) -> Outcome:
    """Judge files, each a partition, to their end; `folder` has the files that the policy names.

    `reported` requests are judged whatever the rates are.

    OutputThere; PolicyError where a judge cannot be asked; OSError. Raises whatever stopped it early.
    """
    for path in files:
        path.open("rb").close()
    require_new(out)
    outcome = Outcome()

    def taken(name: str, taken: TakenEvents) -> None:
        outcome.take(taken)
        count_taken(metrics, name, taken)

    started_ms = int(time.time() * 1000)
    with judges_of(policy, folder) as judges:
        source = EvaluateSource(
            [_input(path, policy, started_ms, form) for path in files],
            policy,
            judges=msgspec.structs.replace(judges, reported=reported),
            places=lambda _: (0, 0),
            stop=stop,
            watch=InputWatch(),
            taken=taken,
        )
        cli_main(build(source, *_sinks(out, stop)), epoch_interval=EPOCH)  # type: ignore[no-untyped-call]  # A native function.
    if stop.error is not None:
        raise stop.error
    return outcome


def _sinks(out: Path, stop: Stop) -> tuple[tuple[str, LineFile[Spoken]], ...]:
    for name in (FEEDBACK, EVENTS):
        (out / name).touch()
    return (
        ("feedback", LineFile[Spoken](out / FEEDBACK, _feedback, stop)),
        ("events", LineFile[Spoken](out / EVENTS, _events, stop)),
    )


def require_new(out: Path) -> None:
    """Make the output folder. OutputThere, OSError."""
    out.mkdir(parents=True, exist_ok=True)
    there = [str(out / name) for name in (FEEDBACK, EVENTS) if (out / name).exists()]
    if there:
        raise OutputThere(f"{there[0]}: is there already; name another folder with --out")


def _feedback(spoken: Spoken) -> Iterator[bytes]:
    yield from (each.value for each in spoken.feedback)


def _events(spoken: Spoken) -> Iterator[bytes]:
    yield from (each.value for each in spoken.events)


def _input(path: Path, policy: Policy, started_ms: int, form: str) -> Input:
    most = policy.dead_letters.message_bytes_max
    return Input(
        name=str(path),
        stream="events",
        open=lambda _: reader_of(form)(path, most, started_ms, lambda _: None),
        form=form,
    )
