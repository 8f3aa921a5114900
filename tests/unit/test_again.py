"""Events that were let go: what people are shown of one is what it said, however little of it is read again."""

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest

from operators.ingest.again import DecodedAgain, ShownFields, shown_of, some_of
from operators.ingest.formats.native import Decoder
from operators.ingest.lines import Lines, block_of, block_of_texts
from operators.ingest.messages import Messages
from operators.wire.events import Event
from tests.unit.mutating import mutant

FIELDS = ShownFields.__struct_fields__
PLAIN = b'{"request_id":"r%d","ts":1700000000000,"model":"m","version":"v","endpoint":"e","prompt_version":null%s}'
ODD = (
    b',"team":"t"',
    b',"team":"%s"' % (b"t" * 200),  # Too long: it is left out.
    b',"team":"cut \\ud83d"',  # Half of a character.
    b',"latency_ms":-1,"team":"a","team":"b"',
    b',"input":"\xff","team":"t"',
    b',"prompt_version":7',
)


def messages_of(values: Any) -> Messages:
    return Messages(values=values, positions=range(len(values)), received_ms=np.full(len(values), 1 << 62))


def decoded_again(values: Any) -> tuple[DecodedAgain, list[Event]]:
    decoder: Decoder[Event] = Decoder(Event, 1 << 20)
    items, origin, _ = decoder.decode(messages_of(values))
    return DecodedAgain(decoder.again, origin, np.arange(len(items))), items


def fields_of(items: Any) -> list[tuple[Any, ...]]:
    return [tuple(getattr(item, name) for name in FIELDS) for item in items]


def texts() -> Iterator[bytes]:
    random = Random(5)
    for number in range(400):
        yield PLAIN % (number, ODD[number % len(ODD)])
        yield mutant(random)[0]
    yield b"[%b]" % b",".join(PLAIN % (number, b"") for number in range(3))
    yield b"\n" + PLAIN % (7, b"") + b"\n" + b"{]\n"


def test_what_is_shown_is_what_the_event_says() -> None:
    again, items = decoded_again([*texts()])
    rows = np.arange(len(items))
    assert len(items) > 400
    assert fields_of(again.shown(rows)) == fields_of(items)


def test_alone_in_its_message_an_event_says_the_same() -> None:
    found = 0
    for text in texts():
        again, items = decoded_again([text])
        assert fields_of(again.shown(np.arange(len(items)))) == fields_of(items)
        found += len(items)
    assert found > 400


@pytest.mark.parametrize("in_blocks", [False, True])
def test_of_plain_events_nothing_else_is_decoded(*, in_blocks: bool) -> None:
    values = [PLAIN % (number, b"") for number in range(9)]
    lines = (
        Lines([block_of(b"\n".join([*values[:4], b""])), block_of_texts(values[4:])], 1) if in_blocks else values[1:]
    )
    _, origin, _ = Decoder(Event, 1 << 20).decode(messages_of(lines))

    def whole(text: bytes) -> Any:
        raise AssertionError(text)

    some = some_of(DecodedAgain(whole, origin, np.arange(8)), np.array([0, 2, 5, 7]))
    shown = shown_of(some, np.array([3, 1, 3]))
    assert {row: item.request_id for row, item in shown.items()} == {1: "r3", 3: "r8"}
