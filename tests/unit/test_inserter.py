"""The inserter against a table in memory that forgets tokens never, fails on order and refuses marked rows."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, DataError, OperationalError, ProgrammingError

from operators.connectors.clickhouse import blocks, client, inserter
from operators.connectors.clickhouse.errors import Blame, InsertError, blame
from operators.connectors.clickhouse.inserter import Inserter, Retry, Stats
from operators.connectors.clickhouse.refused import Poison
from operators.store.rows import Coded, Rows
from tests.conftest import Embedded
from tests.sample_rows import sample


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class Table:
    """`errors` are raised one after the other, before or after the rows are stored."""

    def __init__(self, errors: list[Exception] | None = None, *, stores: bool = False) -> None:
        self.errors: Iterator[Exception | None] = iter(errors or [])
        self.stores = stores
        self.blocks: dict[str, list[dict[str, Any]]] = {}
        self.settings: list[dict[str, Any]] = []

    def raw_insert(
        self, table: str, column_names: list[str], insert_block: bytes, settings: dict[str, Any], fmt: str
    ) -> None:
        assert fmt == "ArrowStream"
        self.settings.append(settings)
        error = next(self.errors, None)
        if error is not None and not self.stores:
            raise error
        arrow = pa.ipc.open_stream(insert_block).read_all()
        assert arrow.column_names == column_names
        rows = arrow.to_pylist()
        if any(row.get("sli") == "poison" for row in rows):
            raise DatabaseError("Code: 469. Constraint is violated", code=469)
        self.blocks.setdefault(settings["insert_deduplication_token"], rows)
        if error is not None:
            raise error

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [row for rows in self.blocks.values() for row in rows]


def _inserter(table: Table, clock: Clock | None = None, **options: Any) -> tuple[Inserter, list[Poison], list[Stats]]:
    clock = clock or Clock()
    poisons: list[Poison] = []
    stats: list[Stats] = []
    made = Inserter(
        table,
        poisons.append,
        observe=stats.append,
        sleep=clock.sleep,
        clock=lambda: clock.now,
        rand=lambda: 1.0,
        **options,
    )
    return made, poisons, stats


def _poisoned(*bad: int, count: int = 10) -> Rows:
    rows = sample("sli_pane", count)
    names = ["poison" if i in bad else "fine" for i in range(count)]
    return Rows(table=rows.table, columns={**rows.columns, "sli": names})


def test_one_insert_per_table_and_flush() -> None:
    table = Table()
    made, _, stats = _inserter(table)
    for first in (0, 5, 10):
        made.add(sample("sli_pane", 5, first))
    made.add(sample("dead_letter", 3))
    made.flush()
    made.flush()
    assert [(one.table, one.attempts, one.rows) for one in stats] == [("sli_pane", 1, 15), ("dead_letter", 1, 3)]
    assert len(table.rows) == 18


def test_inserts_do_not_wait_for_the_batching_of_the_server() -> None:
    table = Table()
    made, _, _ = _inserter(table)
    made.add(sample("sli_pane", 5))
    made.flush()
    assert table.settings[0]["async_insert"] == 0


def test_a_block_is_not_merged_by_itself_before_it_is_stored(embedded_clickhouse: Embedded) -> None:
    """That cost twice what storing it does. What comes twice in a block is one row to those who read, as ever."""
    spent = "SELECT sum(value) FROM system.events WHERE event = 'MergeTreeDataWriterMergingBlocksMicroseconds'"
    store = embedded_clickhouse.client
    before = store.query(spent).result_rows
    made = Inserter(store, _fail)
    rows = sample("sli_pane", 30)
    for ver in (7, 9, 9, 8):
        made.add(Rows(table="sli_pane", columns={**rows.columns, "good": np.arange(30) + ver, "ver": np.full(30, ver)}))
    made.flush()
    assert store.query(spent).result_rows == before
    read = "SELECT count(), sum(good - 9), any(ver) FROM sli_pane FINAL"
    across = f"{read} SETTINGS do_not_merge_across_partitions_select_final = 1"
    wanted = (30, sum(range(30)), 9)
    assert [store.query(each).first_row for each in (read, across)] == [wanted, wanted]
    store.command("OPTIMIZE TABLE sli_pane FINAL")
    assert store.query(read.replace("FINAL", "")).first_row == wanted


def test_tokens_tell_rows_apart_and_not_how_they_came_together() -> None:
    table = Table()
    for pieces in ([(0, 10)], [(0, 3), (3, 10)], [(0, 9)]):
        made, _, _ = _inserter(table)
        for start, stop in pieces:
            made.add(sample("sli_pane", stop - start, start))
        made.flush()
    first, second, third = (settings["insert_deduplication_token"] for settings in table.settings)
    assert first == second
    assert first != third
    assert first.startswith("sli_pane:")


@pytest.mark.parametrize("stores", [False, True])
def test_what_may_pass_is_sent_again_as_it_was(stores: bool) -> None:
    table = Table([OperationalError("reset"), DatabaseError("too many parts", code=252)], stores=stores)
    made, _, stats = _inserter(table)
    made.add(sample("sli_pane", 5))
    made.flush()
    assert len(table.rows) == 5
    assert len({settings["insert_deduplication_token"] for settings in table.settings}) == 1
    assert [(one.attempts, one.rows) for one in stats] == [(1, 0), (1, 0), (1, 5)]


def test_waits_double_up_to_their_limit_and_end_at_the_deadline() -> None:
    clock = Clock()
    made, _, _ = _inserter(
        Table([OperationalError("reset")] * 99),
        clock,
        retry=Retry(wait_s=0.2, wait_s_max=1.0, deadline_s=5.0),
    )
    made.add(sample("sli_pane", 5))
    with pytest.raises(InsertError, match="5 rows for sli_pane not stored after 6 attempts: reset"):
        made.flush()
    assert clock.waits == [0.4, 0.8, 1.0, 1.0, 1.0]
    assert clock.now <= 5.0


def test_a_flush_after_a_failed_one_sends_the_same_rows() -> None:
    table = Table([DatabaseError("no such table", code=60)])
    made, _, _ = _inserter(table)
    made.add(sample("sli_pane", 5))
    with pytest.raises(InsertError):
        made.flush()
    made.flush()
    assert len(table.rows) == 5


def test_what_a_person_must_change_stops_at_once() -> None:
    clock = Clock()
    made, poisons, _ = _inserter(Table([DatabaseError("Authentication failed", code=516)]), clock)
    made.add(sample("sli_pane", 5))
    with pytest.raises(InsertError, match="after 1 attempts: Authentication failed"):
        made.flush()
    assert clock.waits == []
    assert poisons == []


@pytest.mark.parametrize("bad", [(0,), (9,), (3, 4), (0, 5, 9), tuple(range(9))])
def test_rows_that_the_server_refuses_twice_while_it_takes_others_are_set_aside(bad: tuple[int, ...]) -> None:
    table = Table()
    made, poisons, stats = _inserter(table)
    made.add(_poisoned(*bad))
    made.flush()
    assert [json.loads(poison.row)["ver"] for poison in poisons] == [i + 1 for i in bad]
    assert {poison.error for poison in poisons} == {"Code: 469. Constraint is violated"}
    # A row that was sent once more, to see that the server takes it, replaces itself.
    assert sorted({row["ver"] for row in table.rows}) == [i + 1 for i in range(10) if i not in bad]
    assert sum(one.rejected for one in stats) == len(bad)


def test_rows_that_do_not_fit_their_columns_are_set_aside() -> None:
    rows = sample("sli_pane", 10)
    table = Table()
    made, poisons, _ = _inserter(table)
    made.add(Rows(table="sli_pane", columns={**rows.columns, "good": np.arange(10) - 1}))
    made.add(sample("sli_pane", 5, 10))
    made.flush()
    (poison,) = poisons
    assert json.loads(poison.row)["ver"] == 1
    assert json.loads(poison.row)["dims"] == {"region": "r0"}
    assert "column good must hold uint64" in poison.error
    assert len(table.rows) == 14
    # Of the good rows still one insert.
    assert len(table.blocks) == 1


def test_a_code_without_a_value_is_set_aside() -> None:
    rows = sample("sli_pane", 3)
    made, poisons, _ = _inserter(Table())
    made.add(Rows(table="sli_pane", columns={**rows.columns, "sli": Coded(values=["a"], codes=np.array([0, 7, 0]))}))
    made.flush()
    assert [json.loads(poison.row)["sli"] for poison in poisons] == ["code 7"]


def test_a_row_that_is_set_aside_is_kept_whole() -> None:
    made, poisons, _ = _inserter(Table())
    made.add(_poisoned(3))
    made.flush()
    (poison,) = poisons
    (row,) = pa.ipc.open_stream(poison.arrow).read_all().to_pylist()
    assert (row["ver"], row["sli"], row["dims"]) == (4, "poison", [("region", "r3")])


@pytest.mark.parametrize("bad", [tuple(range(10)), tuple(range(300))])
def test_a_server_that_takes_no_row_is_at_fault_and_not_the_rows(bad: tuple[int, ...]) -> None:
    made, poisons, _ = _inserter(Table())
    made.add(_poisoned(*bad, count=len(bad)))
    with pytest.raises(InsertError, match=f"{len(bad)} rows for sli_pane not stored .* Constraint is violated"):
        made.flush()
    assert poisons == []


def test_more_than_a_few_bad_rows_are_the_fault_of_the_table() -> None:
    table = Table()
    made, poisons, _ = _inserter(table)
    made.add(_poisoned(*range(1, 300), count=300))
    with pytest.raises(InsertError, match="not stored"):
        made.flush()
    assert poisons == []
    assert len(table.rows) == 1


class Failing(Table):
    """From `since` on, for 10 s, every insert fails with an error that looks as if it were of a row."""

    def __init__(self, clock: Clock, since: float) -> None:
        super().__init__()
        self._clock, self._since = clock, since
        self.sent = 0

    def raw_insert(self, *given: Any) -> None:
        self.sent += 1
        self._clock.now += 0.01
        if 0 <= self._clock.now - self._since < 10.0:
            raise DatabaseError("Code: 33. Cannot read all data", code=33)
        super().raw_insert(*given)


@pytest.mark.parametrize("since", [0.0, 0.025, 0.045, 0.065, 2.02, 2.045, 2.065])
@pytest.mark.parametrize("bad", [(), (3,)])
def test_a_server_that_fails_by_code_for_10_s_loses_nothing(since: float, bad: tuple[int, ...]) -> None:
    """Whenever it begins: before the first row, between the halves, between two looks at a row that is bad."""
    clock = Clock()
    table = Failing(clock, since)
    made, poisons, _ = _inserter(table, clock)
    made.add(sample("sli_pane", 1, 217))
    made.flush()
    made.add(_poisoned(*bad, count=218))
    made.add(sample("dead_letter", 3))
    made.flush()
    assert sorted({row["ver"] for row in table.rows if "sli" in row}) == [i + 1 for i in range(218) if i not in bad]
    assert [json.loads(poison.row)["ver"] for poison in poisons] == [i + 1 for i in bad]
    assert sum("reason" in row for row in table.rows) == 3
    assert table.sent < 400


def test_errors_that_are_not_of_the_database_are_ours() -> None:
    """Taken for bad rows, a slip in the program would throw away everything."""
    made, poisons, _ = _inserter(Table([ZeroDivisionError("slip")]))
    made.add(sample("sli_pane", 5))
    with pytest.raises(ZeroDivisionError):
        made.flush()
    assert poisons == []


def test_blocks_are_bounded_by_rows_and_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ROWS", 7)
    table = Table()
    made, _, _ = _inserter(table)
    made.add(sample("sli_pane", 20))
    made.flush()
    assert [len(rows) for rows in table.blocks.values()] == [5, 5, 5, 5]
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1)
    made.add(sample("dead_letter", 3))
    made.flush()
    assert [len(rows) for rows in table.blocks.values()][4:] == [1, 1, 1]


def test_rows_are_converted_some_at_a_time_and_let_go_once_they_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows of an epoch at once were in memory twice: half a gigabyte of windows of some thousand models."""
    monkeypatch.setattr(inserter, "ROWS_TOGETHER", 5)
    table = Table()
    made, _, _ = _inserter(table)
    for first in range(0, 16, 2):
        made.add(sample("sli_pane", 2, first))
    table.errors = iter([None, DatabaseError("no such table", code=60)])
    with pytest.raises(InsertError):
        made.flush()
    assert [len(rows) for rows in table.blocks.values()] == [6]
    assert sum(map(len, made._pending["sli_pane"])) == 10
    made.flush()
    assert [len(rows) for rows in table.blocks.values()] == [6, 6, 4]
    assert len({json.dumps(row, default=str, sort_keys=True) for row in table.rows}) == 16


def test_wrong_columns_are_refused_when_they_come() -> None:
    made, _, _ = _inserter(Table())
    with pytest.raises(ValueError, match="sli_pain"):
        made.add(Rows(table="sli_pain", columns={}))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (DataError("garbage"), Blame.ROWS),
        (DatabaseError("cannot parse", code=6), Blame.ROWS),
        (DatabaseError("no table", code=60), Blame.SETUP),
        (ProgrammingError("setting is read-only"), Blame.SETUP),
        (DatabaseError("bad gateway"), Blame.SERVICE),
        (OperationalError("timed out"), Blame.SERVICE),
        (DatabaseError("no space", code=243), Blame.SERVICE),
    ],
)
def test_blame(error: DatabaseError, expected: Blame) -> None:
    assert blame(error) is expected


def test_retry_is_checked() -> None:
    with pytest.raises(ValueError, match="wait_s"):
        Retry(wait_s=2.0, wait_s_max=1.0)


def _large(count: int, first: int = 0) -> Rows:
    return msgspec.structs.replace(sample("sli_pane", count, first), large=True)


def test_large_rows_are_converted_at_once_and_stored_with_the_others() -> None:
    table = Table()
    made = Inserter(table, _fail)
    made.add(_large(3))
    assert made.size > 0
    made.add(sample("sli_pane", 2, 3))
    made.flush()
    assert made.size == 0
    assert sorted(row["ver"] for row in table.rows) == [1, 2, 3, 4, 5]


def test_large_rows_that_could_not_be_stored_stay_for_the_next_flush() -> None:
    clock = Clock()
    table = Table([OperationalError("away")] * 3)
    made = Inserter(table, _fail, retry=Retry(deadline_s=0.1), sleep=clock.sleep, clock=lambda: clock.now)
    made.add(_large(3))
    with pytest.raises(InsertError):
        made.flush()
    assert made.size > 0
    made.add(_large(2, 3))
    table.errors = iter([])
    made.flush()
    assert {row["ver"] for row in table.rows} == {1, 2, 3, 4, 5}
    assert made.size == 0


def test_a_large_row_that_does_not_fit_is_set_aside_when_it_comes() -> None:
    rejected: list[Poison] = []
    made = Inserter(Table(), rejected.append)
    rows = _large(3)
    made.add(msgspec.structs.replace(rows, columns={**rows.columns, "good": [1, -1, 2]}))
    (poison,) = rejected
    assert "column good" in poison.error


def test_a_sink_stores_large_rows_before_the_epoch_ends(
    monkeypatch: pytest.MonkeyPatch, embedded_clickhouse: Embedded
) -> None:
    """So that not all of an epoch is in memory."""
    monkeypatch.setattr(client, "SIZE_MAX", 1_000)
    sink = client.ClickHouseSink(embedded_clickhouse.url, _fail)
    part = sink.build_part("clickhouse", "0", None)
    count = "SELECT count() FROM sli_pane"
    part.write_batch([sample("sli_pane", 100)])
    assert embedded_clickhouse.client.query(count).result_rows == [(0,)]
    part.write_batch([_large(100, 100)])
    assert embedded_clickhouse.client.query(count).result_rows == [(200,)]
    part.close()
