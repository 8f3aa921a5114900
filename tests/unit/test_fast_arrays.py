"""Arrays of events are scanned where all of them are surely understood; what comes of any is as without kernels."""

import json
import os
from random import Random

import msgspec
import pytest
from msgspec.structs import replace

from operators.fast.skipping import DEPTH_MAX
from operators.ingest.formats.format import Decoded
from operators.ingest.lines import Lines, block_of_texts
from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.ingest.scanning import scanner_for, sure_messages
from operators.policy.policy import Policy
from tests.dataflows.making import START_MS, received
from tests.fast_kernels import kernels, without
from tests.unit.mutating import mutant
from tests.unit.test_fast_scanner import GOOD, RULES, decoded, random_message
from tests.unit.test_pieces import RULES as SMALL
from tests.unit.test_pieces import text

__all__ = ["kernels"]
pytestmark = pytest.mark.usefixtures("kernels")

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
ITEMS = ["1", "null", '"x"', "{}", "[]", "[{}]", "", '{"a":1}', "[" * 70 + "]" * 70, "[" * 3_000, '"\\ud800"', "NaN"]
BYTES = [b"[", b"]", b"{", b"}", b",", b'"', b"\\", b" ", b"\n", b"\r", b"\t", b":", b"\x00", b"\xff", b"0", b""]


def good(random: Random) -> str:
    body = GOOD | {"request_id": f"r{random.randrange(400)}", "ts": START_MS + random.randrange(90_000)}
    body |= {"model": random.choice(["a", "b"]), "error_type": random.choice([None, "timeout"])}
    for name in random.sample(["latency_ms", "score", "slices", "error_type", "session_id", "endpoint"], 2):
        del body[name]
    return json.dumps(body)


def random_array(random: Random) -> bytes:
    """An array: good ones, of which some have an odd item, odd white space or changed bytes, or are in another."""
    items = [good(random) for _ in range(random.choice([0, 1, 2, 5, 9]))]
    odd = random.random()
    if odd < 0.3:
        items.insert(random.randrange(len(items) + 1), random_message(random).decode())
    elif odd < 0.4:
        items.insert(random.randrange(len(items) + 1), random.choice(ITEMS))
    gap = random.choice(["", "", "", " ", "\t ", "\r", "\n"])
    begin, end = random.choice([("[", "]")] * 9 + [(" [", "] \n"), ("[[", "]]"), ("[", ",]"), ("[,", "]"), ("", "")])
    whole = (begin + gap + f"{gap},{gap}".join(items) + gap + end).encode()
    if random.random() < 0.2:
        at = random.randrange(len(whole) + 1)
        whole = whole[:at] + random.choice(BYTES) + whole[at + random.randrange(3) :]
    return whole + random.choice([b""] * 9 + [b" ", b"\r\n", b"x", b"]", b"[]", whole])


def both(values: list[bytes], policy: Policy = RULES, size: int | None = None) -> None:
    """Compare what comes of messages with kernels and without, with them as texts and as lines of blocks."""
    messages = received(values)
    with without():
        wanted = text(Partition("p", "events", ("p",), policy).take(messages))
    assert text(Partition("p", "events", ("p",), policy).take(messages)) == wanted
    size = size or max(len(values), 1)
    blocks = [block_of_texts(values[at : at + size]) for at in range(0, len(values), size)]
    lines = replace(messages, values=Lines(blocks))
    assert text(Partition("p", "events", ("p",), policy).take(lines)) == wanted


def taken(values: list[bytes], policy: Policy = RULES) -> list[bool]:
    """Tell which messages are scanned, once what was scanned is known to be what is decoded, item by item."""
    scanner = scanner_for(policy)
    assert scanner is not None
    columns, names = scanner.scan(values)
    sure = sure_messages(columns)
    items = [item for row in sure.nonzero()[0].tolist() for item in split(values[row])]
    rows = columns.sure.nonzero()[0]
    assert len(rows) == len(items)
    read, times = decoded(items, policy)
    assert columns.times[rows].tolist() == times
    assert (columns.requests[rows] == read.requests).all()
    assert (columns.lineage[rows] == read.lineage).all()
    assert not read.faults
    for column, wanted in zip(columns.numbers, read.numbers.values(), strict=True):
        assert (column[rows] + 0.0).tobytes() == (wanted + 0.0).tobytes()
    for codes, numbers in zip(columns.codes, [*read.parts, read.errors], strict=True):
        pairs = set(zip(codes[rows].tolist(), numbers.tolist(), strict=True))
        assert len({code for code, _ in pairs}) == len({number for _, number in pairs}) == len(pairs)
    assert (columns.chain[rows] == read.chain).all()
    assert (columns.event[rows] == read.event)[read.chain != 0].all()
    assert all(name.isascii() for name in names)
    return [bool(each) for each in sure]


def split(value: bytes) -> list[bytes]:
    if value.lstrip()[:1] == b"[":
        return [bytes(item) for item in msgspec.json.decode(value, type=list[msgspec.Raw])]
    return [value]


@pytest.mark.parametrize("seed", range(3))
def test_what_is_scanned_of_arrays_is_what_is_decoded(seed: int) -> None:
    random = Random(seed)
    found = []
    for _ in range(400 if PROVE else 4):
        found += taken([random_array(random) for _ in range(250)])
    assert len(found) / 8 < sum(found) < len(found)


@pytest.mark.parametrize("seed", range(6))
def test_batches_of_arrays_come_to_the_same_with_and_without(seed: int) -> None:
    """Arrays alone, and among single events and all that producers do wrong: rejects, places, rows, their order."""
    random = Random(seed)
    for _ in range(40 if PROVE else 1):
        values = [random_array(random) for _ in range(60)]
        if seed % 2:
            values += [mutant(random)[0] for _ in range(20)] + [good(random).encode() for _ in range(60)]
            random.shuffle(values)
        both(values, RULES if seed % 3 else SMALL, random.choice([1, 7, 50]))


def test_arrays_as_producers_write_them_are_scanned() -> None:
    random = Random(1)
    for gap in ("", " ", "\r", "\t"):
        arrays = [
            f"[{gap}" + f"{gap},{gap}".join(good(random) for _ in range(size)) + f"{gap}]" for size in (1, 2, 100)
        ]
        assert taken([array.encode() for array in arrays]) == [True] * 3
    both([array.encode() for array in arrays])


@pytest.mark.parametrize("item", [*ITEMS, '{"request_id":"r"}', good(Random(2)).replace("ts", "t\\u0073")])
def test_one_odd_item_has_its_array_decoded_and_no_other(item: str) -> None:
    random = Random(3)
    items = [good(random) for _ in range(3)]
    odd = [[*items[:place], item, *items[place:]] for place in (0, 1, 3)]
    values = [f"[{','.join(each)}]".encode() for other in odd for each in (items, items, other)] + [items[0].encode()]
    assert taken(values) == [True, True, False] * 3 + [True]
    both(values)


@pytest.mark.parametrize(
    "last", ["", ",", ",1", "," + json.dumps(GOOD | {"version": "__other__"}), "," + "1," * 1_200 + "1"]
)
def test_huge_arrays(last: str) -> None:
    """Hundreds of events, also such whose last one is refused, or of which too many are."""
    random = Random(4)
    value = ("[" + ",".join(good(random) for _ in range(300)) + last + "]").encode()
    assert taken([value]) == [not last]
    both([value, good(random).encode()])


def test_the_limit_is_of_the_whole_message() -> None:
    random, most = Random(5), 4_000
    rules = replace(RULES, dead_letters=replace(RULES.dead_letters, message_bytes_max=most))
    fit = b"[" + b",".join(good(random).encode() for _ in range(5))
    assert len(fit) < most
    values = [fit.ljust(most - 1) + b"]", fit.ljust(most) + b"]", fit + b"]" + b" " * most]
    assert taken(values, rules) == [True, False, False]
    both(values, rules)


@pytest.mark.parametrize("depth", [DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1, 2_000])
def test_deep_nesting_in_an_item(depth: int) -> None:
    deep = json.dumps(GOOD | {"unknown": "HERE"}).replace('"HERE"', "[" * depth + "]" * depth)
    value = f"[{good(Random(6))},{deep}]".encode()
    assert taken([value]) == [depth <= DEPTH_MAX]
    both([value])


def test_events_smaller_than_usual_have_room() -> None:
    """All that an event needs and nothing else, in arrays and as one."""
    event = b'{"request_id":"r","ts":946684800000,"model":"m","version":"v"}'
    values = [b"[" + b",".join([event] * size) + b"]" for size in (1, 2, 3, 50)] + [event]
    assert taken(values) == [True] * 5


def test_what_an_array_left_half_read_is_in_no_other() -> None:
    """Rows of an array that is not sure are used again: fields that the next events do not have are missing there."""
    full = json.dumps(GOOD | {"latency_ms": 7, "session_id": "s", "endpoint": "e"})
    bare = '{"request_id":"r","ts":1760000003700,"model":"m","version":"v"}'
    values = [f"[{full},{full},{full},1]".encode(), f"[{bare},{bare},{bare},{bare}]".encode()]
    assert taken(values) == [False, True]
    both([*values, values[1]])


def test_a_partition_decodes_only_what_it_looks_at() -> None:
    random, partition, decoded_at_once = Random(7), Partition("p", "events", ("p",), RULES), list[int]()
    again, decode = partition._decoder.again, partition._decoder.decode

    class Counting:
        def __init__(self) -> None:
            self.again = again

        def decode(self, messages: Messages) -> Decoded:
            decoded_at_once.append(len(messages))
            return decode(messages)

    partition._decoder = Counting()
    assert partition._decoder.again is not None
    batch = partition.take(received([f"[{good(random)},{good(random)}]".encode() for _ in range(100)]))
    assert batch.items + batch.duplicates == 200
    assert decoded_at_once == [1]
