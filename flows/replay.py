"""A bounded run over files, without a broker: embedded ClickHouse, control events, dead letters and a summary."""

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import chain
from pathlib import Path

import msgspec
from bytewax.dataflow import Dataflow
from bytewax.run import cli_main

from flows import monitor, settings
from flows.archive.replay import flow_of as archived
from flows.enrich.files import GivenFile, known_requests, reader_of
from flows.logs import LOGGER
from flows.summary import Recorder, Summary
from operators.connectors.clickhouse.client import ClickHouseSink, held
from operators.connectors.clickhouse.inserter import Retry
from operators.connectors.files import LineFile
from operators.connectors.stop import Stop
from operators.ingest.credentials import Credentials
from operators.ingest.formats.format import Stream
from operators.ingest.partition import Batch
from operators.metrics import Metrics
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.rows.items import letters_of
from operators.sources.input import Input, InputWatch, Observe
from operators.sources.monitor import MonitorSource
from operators.wire.control import ControlEvent
from operators.wire.sealing import SealingKey, seal

LOCK = ".lock"
DEAD_LETTERS = "deadletter.ndjson"
CONTROL = "control.ndjson"
log = logging.getLogger(LOGGER)
# An engine in this process does not come back like a server: a lasting failure, such as a full disk, stays.
RETRY = Retry(deadline_s=10.0)
EPOCH = timedelta(seconds=1)  # Rows are buffered for this long, then stored.
Progressed = Callable[[str, int], None]  # Called with the input's name and how many of its bytes were read.
Claim = Callable[[Path], None]  # Makes a held folder ready for results, or raises FolderInUse.


class FolderInUse(Exception):
    """The output folder already holds results, or another run writes to it."""


class GivenTwice(ValueError):
    """One file is two inputs: its items would be counted twice, or be events and feedback at once."""


class ReadOnce(ValueError):
    """A pipe where files are read more than once: the second reading would find nothing."""


def require_files(files: Mapping[Stream, Sequence[Path]]) -> None:
    """Refuse what can be read only once. ReadOnce; a missing file is refused where it is opened."""
    for path in chain.from_iterable(files.values()):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise ReadOnce(f"{path}: is a pipe, and this reads its files more than once: write it to a file first")


def inputs_of(
    files: Mapping[Stream, Sequence[Path]],
    policy: Policy,
    progressed: Progressed,
    credentials: Credentials = Credentials(),  # noqa: B008  # Frozen.
    pseudonyms: Pseudonyms = Pseudonyms(),  # noqa: B008
    forms: Mapping[Stream, str] = {},
) -> list[Input]:
    """Return an input per file; feedback without context is joined with the events of these files.

    `forms` has the format of each stream whose files are not native. OSError if a file cannot be opened: better now
    than after an hour. GivenTwice.
    """
    seen: set[Path] = set()
    for path in chain.from_iterable(files.values()):
        path.open("rb").close()
        if path.resolve() in seen:
            raise GivenTwice(f"{path}: the same file is named twice")
        seen.add(path.resolve())
    started_ms = int(time.time() * 1000)
    given = [
        GivenFile(path=path, stream=stream, form=forms.get(stream, "native"))
        for stream, paths in files.items()
        for path in paths
    ]
    inputs = [_input(each, policy, progressed, started_ms) for each in given]
    requests = known_requests(given, policy, started_ms)
    replace = msgspec.structs.replace
    return [replace(each, credentials=credentials, pseudonyms=pseudonyms, requests=requests) for each in inputs]


def _input(each: GivenFile, policy: Policy, progressed: Progressed, started_ms: int) -> Input:
    name, reader = str(each.path), reader_of(each.form)
    return Input(
        name=name,
        stream=each.stream,
        open=lambda _: reader(
            each.path, policy.dead_letters.message_bytes_max, started_ms, lambda count: progressed(name, count)
        ),
        form=each.form,
    )


def claim_empty(out: Path) -> None:
    """The claim of a plain run: it touches no earlier files."""
    if any(path.name != LOCK for path in out.iterdir()):
        raise FolderInUse(f"{out}: the folder is not empty; name another with --out, or empty it")


def run(
    inputs: Sequence[Input],
    policy: Policy,
    out: Path,
    stop: Stop,
    metrics: Metrics,
    *,
    claim: Claim = claim_empty,
    watch: Observe = lambda name, batch: None,
    key: SealingKey | None = None,
    archive: bool = False,
    opened: Callable[[], None] = lambda: None,
) -> Summary:
    """Run the monitor over bounded inputs. Whatever stopped it early is raised once the engine has ended.

    `watch` gets every batch after it was counted; `key` signs the control events. With `archive` the events' request
    log is written after the monitor's run. `opened` is called once the store has its tables.
    """
    recorder = Recorder(inputs, policy, out / DEAD_LETTERS, metrics)
    summary = recorder.summary
    began = time.monotonic()
    with own(out, claim):
        log.info("replay begins", extra={"fields": {"inputs": [each.name for each in inputs], "policy": policy.hash}})
        with _stored(out, stop, recorder) as sink:
            opened()
            flows = [_flow(inputs, policy, out, stop, metrics, recorder, watch, key, sink)]
            if archive:
                flows.append(archived(inputs, policy, stop, metrics, sink))
            for flow in flows:
                if not stop.requested:
                    cli_main(flow, epoch_interval=EPOCH)  # type: ignore[no-untyped-call]  # A native function.
        summary.seconds = round(time.monotonic() - began, 3)
        summary.complete = not stop.requested
        recorder.write(out)
        log.info("replay ended", extra={"fields": msgspec.to_builtins(summary)})
    if stop.error is not None:
        raise stop.error
    return summary


@contextmanager
def _stored(out: Path, stop: Stop, recorder: Recorder) -> Iterator[ClickHouseSink]:
    """Hold the embedded store of a folder, with its tables."""
    from operators.connectors.clickhouse.migrations import migrate  # noqa: PLC0415  # It brings a second driver, 0.2 s.

    url = settings.embedded(out)
    with held(url):
        migrate(url, settings.migrations())
        yield ClickHouseSink(url, recorder.refuse, observe=recorder.stored, fail=stop.fail, retry=RETRY)


def _flow(
    inputs: Sequence[Input],
    policy: Policy,
    out: Path,
    stop: Stop,
    metrics: Metrics,
    recorder: Recorder,
    watch: Observe,
    key: SealingKey | None,
    sink: ClickHouseSink,
) -> Dataflow:
    """Return the dataflow from these inputs to the files and the store below `out`."""

    def observe(name: str, batch: Batch) -> None:
        recorder.take(name, batch)
        watch(name, batch)

    def lines(event: ControlEvent) -> list[bytes]:
        recorder.say(event)
        return [seal(event, key)]

    for name in (DEAD_LETTERS, CONTROL):
        (out / name).touch()
    source = MonitorSource(
        inputs,
        policy,
        stop=stop,
        watch=InputWatch(batch=observe, epoch_ended=lambda name, seconds: metrics.add("epoch_seconds", seconds, name)),
    )
    letters = LineFile(out / DEAD_LETTERS, letters_of, stop)
    # A gateway that follows the file should not wait for an epoch to end.
    control = LineFile[ControlEvent](out / CONTROL, lines, stop, at_once=True)
    return monitor.build(policy, source, sink, letters, control, metrics)


@contextmanager
def own(out: Path, claim: Claim) -> Iterator[None]:
    """Hold the folder against a second run, then claim it. FolderInUse when it is held, or cannot be claimed."""
    out.mkdir(parents=True, exist_ok=True)
    ours = not (out / LOCK).exists()
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(f"{out}: another run is writing to this folder") from error
        try:
            claim(out)
        except FolderInUse:
            if ours:  # A folder that existed before stays as it was.
                (out / LOCK).unlink()
            raise
        yield
