"""Events as Arrow come to what the same events come to as JSON; what is no table of them is refused."""

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from msgspec.structs import replace
from pyarrow import feather, ipc

from flows import policy_files, settings
from flows.enrich.files import reader_of
from operators.ingest.formats.arrow import decoder, event_tables
from operators.ingest.formats.arrow.batches import WrongBatch, arrow_table_of
from operators.ingest.partition import Batch, Partition
from operators.policy.policy import Policy
from tests.dataflows.making import START_MS, event, received
from tests.unit.test_pieces import text

RULES = policy_files.load_policy(settings.Settings().policy)
ROW = {"request_id": "r", "ts": START_MS, "model": "m", "version": "v1"}
GOOD = ROW | {"slices": {"region": "eu"}, "latency_ms": 1.5, "error_type": "timeout"}


def message(table: pa.Table, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with ipc.new_stream(sink, table.schema, options=ipc.IpcWriteOptions(compression=compression)) as stream:
        stream.write_table(table)
    return bytes(sink.getvalue())


def rows_as(rows: list[dict[str, Any]], *, coded: bool = False) -> bytes:
    table = pa.Table.from_pylist(rows, schema=_schema(rows))
    for place, field in enumerate(table.schema):
        if coded and pa.types.is_string(field.type):
            table = table.set_column(place, field.name, table.column(place).dictionary_encode())
    return message(table)


def _schema(rows: list[dict[str, Any]]) -> pa.Schema:
    """The schema of all rows, not of the first alone."""
    return pa.unify_schemas(
        [pa.Table.from_pylist([{k: v for k, v in row.items() if v is not None}]).schema for row in rows],
        promote_options="permissive",
    )


def taken(values: list[bytes], form: str, policy: Policy = RULES) -> Batch:
    return Partition("p", "events", ("p",), policy, form=form).take(received(values))


def requests(random: Random, count: int) -> list[dict[str, Any]]:
    """Events whose fields have one type each, as columns do."""
    found = []
    for place in range(count):
        body = event(random, START_MS + place * 100)
        body = {name: value for name, value in body.items() if name not in ("unknown_field", "input", "output")}
        body["ts"] = START_MS + place * 100
        for name, (share, value) in {
            "session_id": (0.3, f"s{random.randrange(9)}"),
            "attempt": (0.2, random.randrange(1, 4)),
            "mirrored": (0.1, True),
            "prompt_version": (0.5, "p1"),
            "kind": (0.05 if random.random() < 0.1 else 0.0, "label"),
        }.items():
            if random.random() < share:
                body[name] = value
        for name in ("latency_ms", "ttft_ms", "cost_usd", "score"):
            if name in body:
                body[name] = float(body[name])
        found.append(body)
    return found


@pytest.mark.parametrize("coded", [False, True])
def test_rows_come_to_what_they_come_to_as_json(coded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(3)
    batches = [requests(random, size) for size in (1, 200, 7, 300)]
    arrow = [rows_as(rows, coded=coded) for rows in batches]
    native = [json.dumps(rows).encode() for rows in batches]
    wanted = text(replace(taken(native, "native"), unread=()))
    assert text(taken(arrow, "arrow")) == wanted
    monkeypatch.setattr(event_tables, "event_columns_of", lambda _: None)
    assert text(taken(arrow, "arrow")) == wanted


def test_columns_are_taken_whole_where_all_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    """No event is decoded; the same events one row of which is odd are."""
    rows = [GOOD | {"request_id": f"r{number}", "ts": START_MS + number} for number in range(50)]
    decoded: list[int] = []
    monkeypatch.setattr(decoder.ArrowDecoder, "decode", lambda *given: pytest.fail("decoded") if not decoded else None)
    assert taken([rows_as(rows)], "arrow").items == 50


ODD: list[tuple[str, Any]] = [
    ("ts", 5), ("ts", START_MS + 10**12), ("request_id", ""), ("request_id", "x" * 129), ("model", None),
    ("version", "__other__"), ("latency_ms", -1.0), ("latency_ms", float("nan")), ("latency_ms", float("inf")),
    ("cost_usd", 1e10), ("input_tokens", -1), ("input_tokens", 1.5), ("error_type", "e" * 200), ("error_type", 500),
    ("slices", {"region": "y" * 200}), ("slices", {"region": 5}), ("metrics", {"a": 1e300}), ("flags", ["x", None]),
    ("attempt", -1), ("mirrored", 1), ("kind", "label"), ("session_id", 7), ("prediction", [1]), ("team", "t" * 300),
    ("features", {"a": 1.0}), ("embedding", [0.5, 1.0]), ("shop", "unread"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), ODD)
def test_what_is_odd_costs_what_it_costs_as_json(name: str, value: Any) -> None:
    plain = ROW if name == "ts" and value == 5 else GOOD
    rows = [plain | {"request_id": "a"}, plain | {"request_id": "b", name: value}]
    if (name in rows[0] and rows[0][name].__class__ is not value.__class__ and value is not None) or name == "slices":
        rows[0] = {key: each for key, each in rows[0].items() if key != name or name in ROW}
    known = [{key: each for key, each in row.items() if each is not None} for row in rows]
    as_json = [json.dumps(known).replace("NaN", "null").replace("Infinity", "null").encode()]
    found, wanted = taken([rows_as(rows)], "arrow"), taken(as_json, "native")
    bare = [[replace(each, value=b"") for each in batch.rejects] for batch in (found, wanted)]
    assert bare[0] == bare[1]
    assert text(replace(found, rejects=[])) == text(replace(wanted, rejects=[]))


def test_times_are_taken_in_any_unit() -> None:
    second = START_MS // 1_000 * 1_000
    wanted = text(taken([json.dumps([GOOD | {"ts": second}]).encode()], "native"))
    for kind in (pa.timestamp("s"), pa.timestamp("ms", "UTC"), pa.timestamp("us"), pa.timestamp("ns", "Europe/Paris")):
        table = pa.Table.from_pylist([GOOD]).set_column(1, "ts", pa.array([second], pa.timestamp("ms")).cast(kind))
        assert text(taken([message(table)], "arrow")) == wanted


def _bomb() -> pa.Table:
    texts = pa.DictionaryArray.from_arrays(np.zeros(1_000, np.int8), pa.array(["x" * 100_000]))
    return pa.table({"request_id": [str(number) for number in range(1_000)], "error_type": texts})


REFUSED: list[tuple[bytes, str]] = [
    (b"no arrow at all", "Expected"),
    (rows_as([GOOD])[:-60], ""),
    (rows_as([GOOD]) + rows_as([GOOD | {"request_id": "lost"}]), "after the end of its stream"),
    (rows_as([GOOD]) + b"more", "4 bytes after the end of its stream"),
    (b"ARROW1\0\0" + rows_as([GOOD]), "IPC file"),
    (message(pa.table({"a": ["x" * 10_000] * 9}), "zstd"), "compressed"),
    (message(pa.table({"a": pa.array(["x"] * 9).dictionary_encode(), "b": range(9)}), "lz4"), "compressed"),
    (message(_bomb()), "as JSON"),
    (message(pa.table({"none": pa.Array.from_buffers(pa.null(), 1 << 30, [None])})), "rows in"),
    (message(pa.table({"a": pa.array([b"x"])})), "is of type binary"),
    (message(pa.table({"a": pa.RunEndEncodedArray.from_arrays([1 << 30], ["x"])})), "is of type"),
    (message(pa.table([[1], [2]], names=["a", "a"])), "one name"),
    (message(pa.table({"a": pa.array([["x"]], pa.list_(pa.dictionary(pa.int8(), pa.string())))})), "dictionary in a"),
]


@pytest.mark.parametrize(("value", "says"), REFUSED)
def test_what_is_no_plain_table_is_refused(value: bytes, says: str) -> None:
    batch = taken([value, rows_as([GOOD])], "arrow")
    assert batch.items == 1
    (reject,) = batch.rejects
    assert reject.reason == "bad_arrow"
    assert says in reject.detail


def test_broken_bytes_break_nothing() -> None:
    """Whatever byte is changed: the message is refused, or read; never anything else."""
    random, whole = Random(5), rows_as([GOOD | {"request_id": str(number)} for number in range(20)], coded=True)
    refused = 0
    for _ in range(400):
        value = bytearray(whole)
        for _ in range(random.randrange(1, 4)):
            value[random.randrange(len(value))] = random.randrange(256)
        batch = taken([bytes(value)], "arrow")
        assert batch.items + len(batch.rejects) + batch.duplicates <= 21
        refused += any(each.reason == "bad_arrow" for each in batch.rejects)
    assert refused > 50


@pytest.mark.parametrize("length", [0, 8, 64])
def test_a_stream_may_be_without_its_end_or_padded(length: int) -> None:
    whole = rows_as([GOOD])
    assert taken([whole[:-8] if not length else whole + bytes(length)], "arrow").items == 1


def _with_a_false_offset() -> bytes:
    value = message(pa.table({"a": ["12345678"]}))
    at = value.rindex(b"12345678") - 4  # Where the text ends.
    assert int.from_bytes(value[at : at + 4], "little") == 8
    return value[:at] + (1 << 20).to_bytes(4, "little") + value[at + 4 :]


def test_offsets_that_lead_outside_are_found() -> None:
    with pytest.raises(WrongBatch, match="offset"):
        arrow_table_of(_with_a_false_offset())


def test_files_of_arrow_are_read_batch_by_batch(tmp_path: Path) -> None:
    rows = [GOOD | {"request_id": f"r{number}"} for number in range(2_500)]
    table = pa.Table.from_pylist(rows)
    (tmp_path / "stream").write_bytes(message(table))
    feather.write_feather(table, str(tmp_path / "feather"), compression="zstd")
    framed = [rows_as(rows[start : start + 1_000]) for start in range(0, 2_500, 1_000)]
    (tmp_path / "frames").write_bytes(b"".join(len(each).to_bytes(4) + each for each in framed))
    for name in ("stream", "feather", "frames"):
        reader = reader_of("arrow")(tmp_path / name, 1 << 20, START_MS, lambda _: None)
        values = [value for messages in iter(reader.read, None) for value in messages.values]
        reader.close()
        assert [row for value in values for row in arrow_table_of(value).to_pylist()] == rows
        assert len(values) == 3
    (tmp_path / "cut").write_bytes(message(table)[:-2_000])
    (tmp_path / "put together").write_bytes(message(table) + message(table.slice(0, 1)))  # As by `cat`.
    reader = reader_of("arrow")(tmp_path / "put together", 1 << 20, START_MS, lambda _: None)
    assert sum(arrow_table_of(value).num_rows for each in iter(reader.read, None) for value in each.values) == 2_501
    reader.close()
    with pytest.raises(OSError, match="cut"):
        list(iter(reader_of("arrow")(tmp_path / "cut", 1 << 20, START_MS, lambda _: None).read, None))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (_with_a_false_offset(), "offset"),
        (message(pa.table({"none": pa.Array.from_buffers(pa.null(), 1 << 26, [None])})), "rows in"),
    ],
)
def test_a_file_that_lies_about_lengths_is_refused(value: bytes, says: str, tmp_path: Path) -> None:
    """What lay behind it in memory was read as its texts, or the program was killed; and rows of nothing never end."""
    (tmp_path / "lies").write_bytes(value)
    reader = reader_of("arrow")(tmp_path / "lies", 1 << 20, START_MS, lambda _: None)
    with pytest.raises(OSError, match=f"lies: .*{says}"):
        reader.read()
    reader.close()


def test_feedback_comes_as_arrow_too() -> None:
    rows = [ROW | {"request_id": f"r{number}", "kind": "label", "value": "yes"} for number in range(9)]
    found = Partition("p", "feedback", ("p",), RULES, form="arrow").take(received([rows_as(rows)]))
    wanted = Partition("p", "feedback", ("p",), RULES).take(received([json.dumps(rows).encode()]))
    assert (text(found), found.feedback) == (text(wanted), wanted.feedback)
