"""What an event costs in the archive, its rows stored over HTTP, against decoding it alone."""

import random
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
from bytewax.testing import run_main

from flows import policy_files, settings
from flows.archive.flow import build
from flows.garbage import collect_rarely
from operators.connectors.clickhouse.client import ClickHouseSink
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.clickhouse.refused import Poison
from operators.connectors.stop import Stop
from operators.pseudonyms import Pseudonyms
from operators.sources.archive import ArchiveSource
from operators.sources.input import InputWatch
from operators.wire.events import Request
from tests.bench.flows import CHUNK, cpu_s, file_input
from tests.bench.generate import lines, write
from tests.integration.clickhouse_bridge import Bridge

WORDS = (
    "please",
    "compare",
    "the",
    "invoice",
    "of",
    "March",
    "with",
    "our",
    "order",
    "4711",
    "and",
    "say",
    "what",
    "is",
)
USERS, SESSIONS = 5_000, 20_000


def costs(count: int, text_chars: int) -> tuple[float, float]:
    """Return CPU seconds of an event: of decoding it, and of the whole job; with an input and an output of a size."""
    collect_rarely()
    events = _events(count, text_chars)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.ndjson")
        write(path, events)
        bridge = Bridge(Path(folder, "clickhouse"))
        bridge.start()
        try:
            url = bridge.url("rollguard")
            migrate(url, settings.migrations())
            decoding = cpu_s(lambda: _decode(events), runs=3)
            job = cpu_s(lambda: _archive(path, url), runs=2)
        finally:
            bridge.stop()
    return decoding / count, job / count


def _events(count: int, text_chars: int) -> list[bytes]:
    rng = random.Random(3)
    added = [_added(rng, text_chars) for _ in range(10_000)]
    return [line[:-1] + rng.choice(added) for line in lines(count, 36, 18_000)]


def _added(rng: random.Random, text_chars: int) -> bytes:
    fields = {"user_id": f"user-{rng.randrange(USERS)}", "session_id": f"session-{rng.randrange(SESSIONS)}"}
    if text_chars:
        fields |= {"input": _text(rng, text_chars), "output": _text(rng, text_chars)}
    return b"," + msgspec.json.encode(fields)[1:]


def _text(rng: random.Random, chars: int) -> str:
    """Every other one holds an address."""
    text = " ".join(rng.choices(WORDS, k=chars // 5))[: chars - 20]
    return text + (" to ann@example.org" if rng.random() < 0.5 else "")


def _decode(events: Sequence[bytes]) -> None:
    decode: Callable[[bytes], Request] = msgspec.json.Decoder(Request).decode
    for start in range(0, len(events), CHUNK):
        list(map(decode, events[start : start + CHUNK]))


def _archive(path: Path, url: str) -> None:
    policy = policy_files.load_policy(settings.Settings().policy)
    stop = Stop()
    taken = [0]
    each = msgspec.structs.replace(file_input(path, policy), pseudonyms=Pseudonyms("a-key-of-the-benchmark"))
    source = ArchiveSource(
        [each], policy, stop=stop, watch=InputWatch(), taken=lambda _, some: taken.append(taken.pop() + some.items)
    )
    run_main(build(source, ClickHouseSink(url, _refused)), epoch_interval=timedelta(seconds=1))  # type: ignore[no-untyped-call]
    assert taken[0] > 0, stop.error


def _refused(poison: Poison) -> None:
    raise AssertionError(poison)
