"""What an event costs the monitor's source as a row of Arrow, in batches of a thousand, against a message of JSON."""

from typing import Any

import msgspec
import pyarrow as pa

from flows import policy_files, settings
from operators.connectors.arrow_files import ROWS
from operators.fast import loading
from operators.ingest.formats.arrow.batches import arrow_table_of
from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.wire.events import Event
from tests.bench.flows import cpu_s
from tests.bench.generate import lines
from tests.dataflows.making import received


def figures(count: int) -> dict[str, float]:
    """Return the CPU seconds of an event: its message to a table or object, what is read of it, all of the partition.

    JSON is read without the compiled kernels.
    """
    policy = policy_files.load_policy(settings.Settings().policy)
    texts = list(lines(count, 36, 18_000))
    table = pa.Table.from_pylist([msgspec.json.decode(each) for each in texts])
    batches = [_message(table.slice(start, ROWS)) for start in range(0, count, ROWS)]
    native, arrow = received(texts), received(batches)
    decode = msgspec.json.Decoder(Event).decode

    def take(form: str, messages: Messages) -> None:
        Partition("p", "events", ("p",), policy, form=form).take(messages)

    def scan() -> None:
        partition: Any = Partition("p", "events", ("p",), policy, form="arrow")
        partition._streams()["events"].scan(arrow, partition._decoder)

    def read() -> None:
        partition: Any = Partition("p", "events", ("p",), policy)
        events = partition._streams()["events"]
        for start in range(0, count, 512):
            events.read([decode(text) for text in texts[start : start + 512]])

    loading.switch(on=False)
    try:
        work = {
            "decoding": lambda: [decode(text) for text in texts[:20_000]],
            "table": lambda: [arrow_table_of(each) for each in batches],
            "read": read,
            "scan": scan,
            "taken_native": lambda: take("native", native),
            "taken": lambda: take("arrow", arrow),
        }
        sizes = {"decoding": min(20_000, count)}
        return {name: cpu_s(each, runs=3) / sizes.get(name, count) for name, each in work.items()}
    finally:
        loading.switch(on=True)


def _message(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())
