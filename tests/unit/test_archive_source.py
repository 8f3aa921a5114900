"""A partition of the archive goes on with the next message after a stop at any moment: none is lost, none is twice."""

import json
from collections.abc import Callable

import msgspec
import pyarrow as pa
import pytest

from operators.archive.log import Taken
from operators.connectors.stop import Stop
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from operators.sources.archive import ArchiveSource, Item, SavedPosition, log_of
from operators.sources.input import Input, InputWatch
from tests.dataflows.making import POLICY, START_MS
from tests.dataflows.running import MemoryReader, expand
from tests.oracle import Log

RULES = parse(POLICY)
COUNT = 3_500


def item(number: int) -> bytes:
    return json.dumps({"request_id": f"r{number}", "ts": START_MS + number, "model": "m", "version": "v"}).encode()


LOG = Log(name="events/0", stream="events", first=7, messages=[item(number) for number in range(COUNT)])


def source(log: Log = LOG, size: int = 700, taken: Callable[[str, Taken], None] = lambda *_: None) -> ArchiveSource:
    def opened(position: int | None) -> MemoryReader:
        return MemoryReader(log, START_MS + 60_000_000, lambda: size, lambda: 0, position)

    each = Input(
        name=log.name, stream="events", open=opened, pseudonyms=Pseudonyms("0123456789abcdef"), log_id="topic-1"
    )
    return ArchiveSource([each], RULES, stop=Stop(), watch=InputWatch(), taken=taken, recover=True)


def ids(items: list[Item]) -> list[str]:
    return [row["request_id"] for _, rows in items for row in expand(rows)]


def read_on(saved: bytes | None, polls: int) -> tuple[list[str], bytes | None]:
    """What so many polls bring, and what is saved then."""
    part = source().build_part("input", LOG.name, saved)
    found: list[str] = []
    for _ in range(polls):
        try:
            found += ids(part.next_batch())
        except StopIteration:
            break
    return found, part.snapshot()


@pytest.mark.parametrize("polls", [1, 2, 3])
def test_it_goes_on_with_the_next_message_wherever_it_was_stopped(polls: int) -> None:
    saved: bytes | None = None
    found: list[str] = []
    while len(found) < COUNT:
        some, saved = read_on(saved, polls)
        assert some
        found += some
    assert found == [f"r{number}" for number in range(COUNT)]
    assert saved is not None
    assert log_of(saved) == "topic-1"
    assert msgspec.msgpack.decode(saved, type=SavedPosition).position == 7 + COUNT


def test_all_that_was_read_is_taken_so_that_nobody_sees_the_reader_ahead_of_what_is_saved() -> None:
    """Lag, and the offsets that lag tools are told, go by the reader's position."""
    made = source(size=2_500)
    part = made.build_part("input", LOG.name, None)
    assert len(ids(part.next_batch())) == 2_500
    saved = part.snapshot()
    assert saved is not None
    assert msgspec.msgpack.decode(saved, type=SavedPosition).position == 7 + 2_500


def test_rows_leave_the_source_as_they_are_stored() -> None:
    """Columns of Python's objects would wait for the sink, of a whole read at once."""
    [(_, rows), *_] = source().build_part("input", LOG.name, None).next_batch()
    assert len(rows) == 700
    assert all(isinstance(column, pa.Array) for column in rows.columns.values())


def test_what_a_reader_cannot_read_stops_a_worker_and_ends_a_bounded_run_in_order() -> None:
    def opened(position: int | None) -> MemoryReader:
        raise OSError("gone")

    each = Input(name="p", stream="events", open=opened, pseudonyms=Pseudonyms("0123456789abcdef"))
    for recover in (True, False):
        stop = Stop()
        made = ArchiveSource([each], RULES, stop=stop, watch=InputWatch(), taken=lambda *_: None, recover=recover)
        part = made.build_part("input", "p", None)
        if recover:
            with pytest.raises(OSError, match="gone"):
                part.next_batch()
        else:
            assert part.next_batch() == []
            assert str(stop.error) == "gone"
