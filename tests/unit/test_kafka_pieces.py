"""What is read of a partition is the same however it was fetched, and costs no Python of its own for each message."""

import sys
from random import Random
from types import FrameType

import msgspec
import numpy as np
import pytest
from confluent_kafka import Message

from flows import policy_files, settings
from operators.connectors.kafka.pieces import JOINED_MAX, Pieces
from operators.fast import loading
from operators.fast.events import AHEAD
from operators.ingest.lines import BEHIND, Lines, block_of_texts
from operators.ingest.messages import NO_BOUND, Messages
from operators.ingest.scanning import scanner_for
from tests.dataflows.making import received
from tests.fast_kernels import both_ways, kernels
from tests.unit.mutating import mutant
from tests.unit.test_pieces import taken, text

__all__ = ["both_ways", "kernels"]
Headers = list[tuple[str, str | bytes | None]] | None
HEADERS: list[Headers] = [None, [("h", b"1")], [("h", b"1"), ("h", None)], [("g", b"2"), ("h", b"3")]]
UNKNOWN, CREATED, APPENDED = 0, 1, 2  # Whose clock a message's timestamp is of.


def random_log(random: Random, count: int) -> list[Message]:
    """Messages with and without values, of any bytes and sizes, headers and clocks, some with gaps between offsets."""
    gaps, longest = random.random() < 0.5, random.choice([3, 40, 4 * JOINED_MAX])
    offset, log = random.randrange(1_000), []
    for _ in range(count):
        offset += 1 + (gaps and random.random() < 0.01 and random.randrange(5))
        log.append(
            Message(
                topic="t",
                offset=offset,
                key=random.choice([None, b"", b"key"]),
                value=random.choice([None, b"", random.choice([b"\n", b"{}", b"\x00"]) * random.randrange(longest)]),
                headers=random.choice(HEADERS),
                timestamp=random.choice([(UNKNOWN, -1), (CREATED, 17), (APPENDED, 1_760_000_000_000 + offset)]),
            )
        )
    return log


def last(message: Message, header: str) -> bytes:
    value = dict(message.headers() or ()).get(header)
    return value if isinstance(value, bytes) else b""


def plainly(log: list[Message], header: str | None) -> Messages:
    """The same, message by message."""
    kinds, times = zip(*(message.timestamp() for message in log), strict=True)
    return Messages(
        values=[message.value() or b"" for message in log],
        positions=[message.offset() or 0 for message in log],
        received_ms=np.where(np.array(kinds) == UNKNOWN, NO_BOUND, times),
        appended=np.array(kinds) == APPENDED,
        tombstones=sum(message.value() is None for message in log),
        beside=[] if header is None else [(message.key() or b"", last(message, header)) for message in log],
    )


def shown(messages: Messages) -> list[object]:
    return [
        list(value) if isinstance(value, list | range | Lines | np.ndarray) else value
        for value in msgspec.structs.astuple(messages)
    ]


def read(log: list[Message], sizes: list[int], header: str | None = None) -> Messages:
    pieces, start = Pieces(header), 0
    for size in sizes:
        pieces.add(log[start : start + size])
        start += size
    assert pieces.messages == len(log)
    assert pieces.bytes == sum(map(len, log))
    return pieces.whole()


@pytest.mark.parametrize("seed", range(12))
def test_messages_are_the_same_in_pieces_of_any_size(seed: int) -> None:
    random = Random(seed)
    log = random_log(random, 200)
    cuts = sorted({0, 200, *random.choices(range(200), k=random.randrange(9))})
    header = random.choice([None, "h"])
    found = read(log, np.diff(cuts).tolist(), header)
    assert shown(found) == shown(plainly(log, header))
    start, stop = sorted(random.choices(range(201), k=2))
    assert list(found.part(start, stop).values) == list(found.values)[start:stop]


def test_small_values_become_one_text_a_piece_and_large_ones_are_not_copied() -> None:
    small = [Message(offset=at, value=b"{}") for at in range(10)]
    large = [Message(offset=at, value=bytes(2 * JOINED_MAX)) for at in range(10, 14)]
    spans = read(small, [4, 6]).values
    assert isinstance(spans, Lines)
    assert [len(ends) for _, _, ends in spans.spans()] == [4, 6]
    values = read([*small, *large], [10, 4]).values
    assert list(values) == [b"{}"] * 10 + [bytes(2 * JOINED_MAX)] * 4
    assert all(value is message.value() for value, message in zip(values[10:], large, strict=True))


def test_no_function_in_python_runs_for_each_message() -> None:
    """A function called of each message costs as much as all that is wanted of it."""
    log = [Message(offset=at, value=b"{}", timestamp=(APPENDED, 5)) for at in range(4_000)]
    calls = 0

    def count(frame: FrameType, kind: str, _: object) -> None:
        nonlocal calls
        calls += kind == "call"

    sys.setprofile(count)
    try:
        read(log, [500] * 8)
    finally:
        sys.setprofile(None)
    assert 0 < calls < 400


@pytest.mark.parametrize("seed", range(2))
def test_events_of_one_text_count_like_events_of_many(seed: int) -> None:
    """With kernels and without: also what is no event, holds several, or line ends."""
    random = Random(seed)
    values = [mutant(random)[0] for _ in range(300)]
    as_list = received(values)
    for size in (1, 7, 300):
        blocks = [block_of_texts(values[at : at + size]) for at in range(0, 300, size)]
        assert text(taken(msgspec.structs.replace(as_list, values=Lines(blocks)))) == text(taken(as_list))


def test_kernels_read_the_last_line_of_a_piece_too() -> None:
    assert len(BEHIND) > AHEAD
    scanner = scanner_for(policy_files.load_policy(settings.Settings().policy))
    if scanner is None:
        assert loading.kernels() is None
        return
    event = b'{"request_id":"r","ts":1760000003700,"model":"m","version":"v"}'
    columns, _ = scanner.scan(Lines([block_of_texts([event])] * 3))
    assert columns.sure.all()
