"""Events like those before are read as the decoder reads them, whatever comes; others are left to it."""

import json
import os
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from flows import policy_files, settings
from operators.ingest.event_reader import EventReader
from operators.ingest.familiar import FAMILIAR_MAX, LABELS_MAX, FamiliarDecoder, MetBefore
from operators.ingest.familiar_columns import FamiliarColumns
from operators.ingest.familiar_reads import WAIT_MAX, FamiliarReads, familiar_reads_for
from operators.ingest.partition import Partition
from operators.ingest.streams.events import EventItems
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.wire.events import Event
from tests.dataflows.making import START_MS, received
from tests.fast_kernels import without
from tests.unit.mutating import mutant
from tests.unit.test_fast_scanner import BATCH, GOOD, NUMERALS, RULES, decoded, random_message
from tests.unit.test_pieces import text

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
MESSAGES = 1_000_000 if PROVE else 100_000


@pytest.fixture(autouse=True)
def _without() -> Iterator[None]:
    with without():
        yield


def known(*bodies: dict[str, Any], policy: Policy = RULES) -> FamiliarDecoder:
    """What knows these events."""
    values = [json.dumps(body).encode() for body in bodies]
    met = MetBefore(policy.dimensions)
    met.add(values, Partition("p", "events", ("p",), policy)._decoder.decode(received(values)).items)
    return FamiliarDecoder(met.shape())


def reader_of(policy: Policy = RULES) -> EventReader:
    return EventItems(policy, Pseudonyms()).builder.reader


def check(decoder: FamiliarDecoder, values: list[bytes], policy: Policy = RULES) -> int:
    """Compare what is read of familiar messages with what is decoded of the same; return how many there are."""
    found = [(value, items[0]) for value in values if (items := decoder.decode([value]))]
    found = [(value, event) for value, event in found if not getattr(event, "mirrored", None)]
    if not found:
        return 0
    reader = reader_of(policy)
    columns = FamiliarColumns(reader).read([event for _, event in found], decoder.shape)
    assert columns is not None
    read, times = columns
    wanted, wanted_times = decoded([value for value, _ in found], policy)
    assert times.tolist() == wanted_times
    assert not wanted.faults
    for one, other in zip([*read.parts, read.errors], [*wanted.parts, wanted.errors], strict=True):
        assert one.tolist() == other.tolist()
    assert read.numbers.keys() == wanted.numbers.keys()
    for name, numbers in read.numbers.items():
        assert numbers.tobytes() == wanted.numbers[name].tobytes()
    for one, other in ((read.requests, wanted.requests), (read.chain, wanted.chain), (read.event, wanted.event)):
        assert one.tolist() == other.tolist()
    assert (read.lineage == wanted.lineage).all()
    return len(found)


def test_what_is_familiar_is_what_is_decoded() -> None:
    random = Random(20_261_122)
    decoder = known(
        GOOD,
        GOOD | {"model": "m", "version": "", "slices": {"region": "b", "other": "x"}, "error_type": ""},
        GOOD | {"model": "x", "version": "x", "slices": None, "prompt_version": "", "endpoint": "x", "team": "x"},
        GOOD | {"model": "*", "slices": {"region": "x", "segment": "y", "eu": "y"}, "error_type": "x"},
    )
    taken = sum(check(decoder, [random_message(random) for _ in range(BATCH)]) for _ in range(MESSAGES // BATCH))
    assert taken > MESSAGES / 5


@pytest.mark.parametrize("field", ["latency_ms", "input_tokens", "cost_usd", "score", "ts"])
def test_numerals_are_read_as_the_decoder_reads_them(field: str) -> None:
    bodies = [json.dumps(GOOD | {field: "HERE"}).replace('"HERE"', numeral).encode() for numeral in NUMERALS]
    check(known(GOOD), bodies)


def test_few_fields_and_none_of_a_dimension() -> None:
    least = {"request_id": "r", "ts": START_MS, "model": "m", "version": "v"}
    bodies = [least, least | {"slices": {}}, least | {"slices": {"shop": "x"}}, least | {"latency_ms": None}]
    assert check(known(*bodies), [json.dumps(body).encode() for body in bodies]) == len(bodies)
    assert check(known(least), [json.dumps(least).encode()]) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"model": "new"}, {"error_type": "new"}, {"slices": {"region": "new"}}, {"slices": {"shop": "x"}},
        {"shop": 1}, {"attempt": 1}, {"kind": "label"}, {"user_id": 5}, {"endpoint": 5}, {"model": "*"},
    ],
)  # fmt: skip
def test_what_is_new_is_left_to_the_decoder(other: dict[str, Any]) -> None:
    assert known(GOOD).decode([json.dumps(GOOD | other).encode()]) is None


def batches(random: Random, count: int) -> Iterator[list[bytes]]:
    """Usual events, with new names and odd ones now and then; some batches are arrays, or have two events a message."""
    for number in range(count):
        usual = [
            GOOD | {
                "request_id": f"r{random.randrange(10_000)}", "ts": START_MS + number * 2_000 + random.randrange(2_000),
                "model": f"m{random.randrange(3)}", "version": f"v{number // 80 if random.random() < 0.3 else 1}",
                "session_id": random.choice([None, f"s{random.randrange(9)}"]), "mirrored": random.random() < 0.001,
                "slices": random.choice([None, {"region": "eu"}, {"segment": "pro", "x": "y"}, GOOD["slices"]]),
            }
            for _ in range(random.randrange(1, 40))
        ]  # fmt: skip
        values = [json.dumps(body).encode() for body in usual]
        odd = random.random()
        if odd < 0.02:
            values.insert(random.randrange(len(values)), mutant(random)[0])
        elif odd < 0.04:
            values = [b"[" + b",".join(values) + b"]", b"", values[0] + b"\n" + values[-1]]
        yield values


@pytest.mark.parametrize("seed", range(8 if PROVE else 2))
def test_partitions_come_to_the_same_with_and_without_what_is_familiar(seed: int) -> None:
    one, other = (Partition("p", "events", ("p",), RULES) for _ in range(2))
    reads = one._scan
    assert isinstance(reads, FamiliarReads)
    other._scan = None
    first, familiar = 1, 0
    for values in batches(Random(seed), 300):
        wanted = text(other.take(received(values, first)))
        assert text(one.take(received(values, first))) == wanted
        first += len(values)
        familiar += reads._taken > 0
    assert familiar > 30


def test_what_is_too_long_is_refused_as_ever() -> None:
    """Also where nothing else is new about it."""
    partition, body = Partition("p", "events", ("p",), RULES), json.dumps(GOOD).encode()
    for first in (1, 2):
        assert not partition.take(received([body], first)).rejects
    long = body[:-1] + b" " * RULES.dead_letters.message_bytes_max + b"}"
    found = partition.take(received([body, long], 3)).rejects
    assert [(each.position, each.reason) for each in found] == [(4, "too_large")]


@pytest.mark.parametrize(
    "other",
    [
        {"model": "*"}, {"version": "__other__"}, {'a"b': 1}, {"a\\b": 1}, {"a\n": 1}, {"\x00": 1}, {"": 1},
        {"slices": {'"': "x"}}, {"slices": {"\t": "x"}}, {"slices": {"": "x"}}, {"other_0": 1}, {"__class__": 1},
    ],
)  # fmt: skip
def test_what_comes_first_may_be_anything(other: dict[str, Any]) -> None:
    """Refused names alone, or keys that no field of a struct can be named: what comes later is familiar."""
    one, wanted = (Partition("p", "events", ("p",), RULES) for _ in range(2))
    reads = one._scan
    assert isinstance(reads, FamiliarReads)
    wanted._scan = None
    odd, usual = (json.dumps(body).encode() for body in (GOOD | other, GOOD))
    for first, value in enumerate((odd, odd, usual, usual, usual), start=1):
        assert text(one.take(received([value], first))) == text(wanted.take(received([value], first)))
    assert reads._taken


def test_names_without_end_are_forgotten() -> None:
    met = MetBefore(RULES.dimensions)
    events = [Event(request_id="r", ts=1, model=f"m{number}", version="v") for number in range(FAMILIAR_MAX + 1)]
    assert met.add((), events[:-1])
    assert not met.is_too_much
    assert met.add((), events)
    assert met.is_too_much


def test_labels_without_end_are_texts() -> None:
    bodies = [GOOD | {"endpoint": f"/{number}"} for number in range(LABELS_MAX + 2)]
    values = [json.dumps(body | {"endpoint": "/other"}).encode() for body in bodies]
    assert check(known(*bodies), values) == len(values)


def test_where_much_is_new_little_is_tried() -> None:
    partition = Partition("p", "events", ("p",), RULES)
    reads = partition._scan
    assert isinstance(reads, FamiliarReads)
    for number in range(400):
        partition.take(received([json.dumps(GOOD | {"version": f"v{number}"}).encode()], number + 1))
    assert reads._waits == WAIT_MAX


def test_only_policies_that_ask_for_what_is_read_are_served() -> None:
    assert familiar_reads_for(RULES) is not None
    assert familiar_reads_for(policy_files.load_policy(settings.Settings().policy)) is not None
