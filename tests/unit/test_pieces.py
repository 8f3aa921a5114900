"""Messages are decoded piece by piece, and their items let go: what comes of them is what comes of all at once."""

import os
from collections.abc import Iterator, Sequence
from random import Random

import msgspec
import numpy as np
import pytest

from operators.ingest import chunks
from operators.ingest.again import DecodedAgain
from operators.ingest.formats.format import Decoded
from operators.ingest.formats.native import Decoder
from operators.ingest.lines import Lines, block_of
from operators.ingest.messages import Messages
from operators.ingest.partition import Batch, Partition
from operators.policy_file.toml import parse
from operators.wire.events import Event
from tests.dataflows.making import POLICY, received
from tests.unit.mutating import mutant

RULES = parse(POLICY.replace('horizon = "0s"', 'horizon = "10m"'))


class Keeping:
    """A decoder whose items cannot be decoded again, so that all of them are kept."""

    again = None

    def __init__(self, partition: Partition) -> None:
        self._decode = partition._decoder.decode

    def decode(self, messages: Messages) -> Decoded:
        return self._decode(messages)


def taken(messages: Messages, *, keep: bool = False) -> Batch:
    partition = Partition("p", "events", ("p",), RULES)
    if keep:
        partition._decoder = Keeping(partition)
    return partition.take(messages)


def text(batch: Batch) -> str:
    """All of a batch: rejects with their reasons, and every partial, column by column."""
    partials = [
        (shard, closing, [_shown(getattr(part, name)) for name in part.__struct_fields__])
        for shard, item in batch.inputs
        for closing, part in item.partials
    ]
    return repr((batch.rejects, batch.items, batch.late, batch.duplicates, sorted(batch.unusable.items()), partials))


def _shown(value: object) -> object:
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("seed", range(3))
def test_any_pieces_come_to_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    values = [mutant(random)[0] for _ in range(400)]
    values += random.sample(values, 40)
    wanted = text(taken(received(values), keep=True))
    for messages, size in ((1, 1 << 20), (7, 1 << 20), (1_000, 1 << 30), (64, 2_000)):
        monkeypatch.setattr(chunks, "PIECE", messages)
        monkeypatch.setattr(chunks, "PIECE_BYTES", size)
        assert text(taken(received(values))) == wanted


def test_lines_of_blocks_are_those_of_the_text() -> None:
    random = Random(4)
    for _ in range(50):
        texts = [bytes(random.choices(b"ab\n", k=random.randrange(30))) + b"\n" for _ in range(random.randrange(4))]
        wanted = b"".join(texts).split(b"\n")[:-1]
        lines = Lines([block_of(each) for each in texts])
        assert list(lines) == wanted
        assert [lines[at] for at in range(-len(lines), len(lines))] == wanted * 2
        start, stop = sorted(random.choices(range(len(wanted) + 1), k=2))
        assert list(lines[start:stop]) == list(lines[:stop][start:]) == wanted[start:stop]


EVENT = b'{"request_id":"r","ts":1760000003700,"model":"m","version":"v"}'


@pytest.mark.parametrize(("event", "times"), [(EVENT, 0), (EVENT + b" ", 1)])
def test_lines_are_cut_out_once_to_be_decoded_or_never(event: bytes, times: int) -> None:
    class Counted(Lines):
        def __iter__(self) -> Iterator[bytes]:
            cut.append(len(self))
            return super().__iter__()

    cut: list[int] = []
    messages = msgspec.structs.replace(received([event] * 3), values=Counted([block_of((event + b"\n") * 3)]))
    assert len(Decoder(Event, 1 << 20).decode(messages)[0]) == 3
    assert cut == [3] * times


PARTS = (
    EVENT,
    EVENT[:-1],
    b"}",
    b"{",
    b"{}",
    b'"a":{}',
    b'"a":',
    b",",
    b" ",
    b"\r",
    b"\t",
    b"[",
    b"]",
    b"x",
    b'"',
    b"",
)


def decoded(values: Sequence[bytes], limit: int = 1 << 20) -> str:
    items, origin, rejects = Decoder(Event, limit).decode(msgspec.structs.replace(received([*values]), values=values))
    return repr((msgspec.json.encode(items), [origin.place(at) for at in range(len(items))], rejects, origin.unusable))


@pytest.mark.parametrize("seed", range(3))
def test_lines_are_decoded_as_each_alone(seed: int) -> None:
    """One text of many lines may hold objects that go over line ends, and two in a line: never as many as lines."""
    random = Random(seed)
    for _ in range(700 if os.environ.get("ROLLGUARD_PROVE") != "1" else 100_000):
        lines = [
            b"".join(random.choices(PARTS, k=random.choice((1, 1, 1, 2, 3)))) for _ in range(random.randrange(1, 4))
        ]
        block = block_of(b"".join(line + b"\n" for line in lines))
        assert decoded(Lines([block])) == decoded(lines), lines
    mutants = [mutant(random)[0].replace(b"\n", b" ") for _ in range(150)]
    for start in range(0, len(mutants), 3):
        some = mutants[start : start + 3]
        assert decoded(Lines([block_of(b"".join(line + b"\n" for line in some))]), 300) == decoded(some, 300)


@pytest.mark.parametrize("lines", [[b'{"a":', b"{}", b"}{}"], [EVENT[:-1], b"}" + EVENT], [EVENT + EVENT, b"{", b"}"]])
def test_an_object_over_two_lines_beside_two_in_one_is_none(lines: list[bytes]) -> None:
    assert decoded(Lines([block_of(b"".join(line + b"\n" for line in lines))])) == decoded(lines)


def test_items_are_let_go_unless_fields_are_watched() -> None:
    chunk = chunks.Chunk(
        received([b'{"request_id":"r","ts":1760000003700,"model":"m","version":"v"}']),
        (partition := Partition("p", "events", ("p",), RULES))._decoder,
        "events",
        partition._streams(),
    )
    assert isinstance(chunk._items["events"], DecodedAgain)
