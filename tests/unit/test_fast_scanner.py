"""The compiled scanner takes only what it surely understands, and then reads exactly what the decoder reads."""

import json
import os
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from flows import policy_files, settings
from operators.fast import loading
from operators.fast.interning import TEXTS_MAX
from operators.ingest.columns import times_of
from operators.ingest.familiar_reads import FamiliarReads
from operators.ingest.partition import Partition
from operators.ingest.read_events import ReadEvents
from operators.ingest.scanning import MessageScanner, scanner_for
from operators.ingest.streams.events import EventItems
from operators.policy.policy import Policy
from tests.dataflows.making import START_MS, event, received
from tests.fast_kernels import kernels, without
from tests.unit.mutating import mutant
from tests.unit.test_pieces import text

__all__ = ["kernels"]
pytestmark = pytest.mark.usefixtures("kernels")

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
MESSAGES = 1_000_000 if PROVE else 100_000
BATCH = 1_000
RULES = policy_files.load_policy(settings.Settings().policy)
GOOD = {
    "request_id": "89f09c2ed02d42abda0cb584129054b5", "ts": START_MS, "model": "search", "version": "v2",
    "slices": {"region": "eu", "segment": "pro", "unused": "x"}, "error_type": "timeout", "latency_ms": 98.142,
    "ttft_ms": 5.825e1, "input_tokens": 834, "output_tokens": 0, "cost_usd": 2.653092e-3, "score": -0.5,
    "prompt_version": "p-17", "endpoint": "/v1/chat", "team": "t", "session_id": "abc-17", "user_id": "u1",
    "attempt": None, "kind": None, "mirrored": False, "prediction": {"a": [1, None, {"b": []}]},
    "embedding": [0.5, -1e-3], "input": "hello", "output": None, "features": {"amount": 1.5, "card": "visa"},
    "metrics": {"gpu": 7, "on": True}, "flags": ["refused", ""], "unknown": [{}, [[]], "x", -1e2],
}  # fmt: skip
NUMERALS = [
    "0", "-0", "00", "01", "1.", ".5", "-", "1e", "1e+", "1E5", "1e-5", "1e22", "1e23", "1e-22", "1e-23", "9e999",
    "0e99", "9007199254740993", "9007199254740992", "123456789012345678", "1234567890123456789", "0.1",
    "0.30000000000000004",
    "1.7976931348623157e308", "5e-324", "1000000000000", "1000000000001", "999999999999.9999", "1e12", "1.0", "1e3",
    "123.45678901234567", "0.000000000000000000001", "12345678901234567890e-8", "true", "null", '"1"', "NaN",
]  # fmt: skip
VALUES = [
    *NUMERALS, '""', '"x"', '"' + "y" * 128 + '"', '"' + "y" * 129 + '"', '"a\\"b"', '"\\u0041"', '"\u00e9"',
    '"tab\t"', '"\x7f"', "[]", "{}", "[1,]", "[,1]", '{"a":}', '{"a":1,}', '{"a" : 1 }', '{1:2}', "[[[[[]]]]]",
    '{"eu": "x", "eu": "y"}', '{"region": "a", "region": "b"}', '{"region": null}', '{"region": "b", "other": "x"}',
    "[" * 59 + "]" * 59, "[" * 61 + "]" * 61, "nul", "nulll", "truee", "fals", "false", '"__other__"', '"*"',
    str(START_MS + 5), f'"{START_MS}"', '"2025-10-09T08:00:00Z"', "946684799999", "4102444800001", "[true, 1]",
]  # fmt: skip
TEXTS = [(name, json.dumps(value)) for name, value in GOOD.items()][::-1]  # The needed ones last.
PARTS = ['"', ",", ":", "{", "}", "[", "]", " ", "\t", "\r", "\\", "e", "-", "0", "9", ".", "\x00", "\u00e9", '"ts":']


def random_message(random: Random) -> bytes:
    """An event with some fields left out, replaced or doubled, in another order, or with bytes changed."""
    fields = TEXTS.copy()
    for _ in range(random.randrange(3)):
        del fields[random.randrange(4 if random.random() < 0.1 else len(fields)) - 4]
    for _ in range(random.choice([0, 0, 1, 1, 2])):
        fields[random.randrange(len(fields))] = random.choice(TEXTS)[0], random.choice(VALUES)
    if random.random() < 0.1:
        random.shuffle(fields)
    gap = random.choice(["", "", " ", "\t "])
    colon = f'"{gap}:{gap}'
    whole = f'{{{gap}"' + f'{gap},{gap}"'.join([name + colon + value for name, value in fields]) + f"{gap}}}"
    if random.random() < 0.2:
        at = random.randrange(len(whole))
        whole = whole[:at] + random.choice([*PARTS, ""]) + whole[at + random.randrange(3) :]
    return (whole + random.choice(["", "", "", "", "\n", " ", "x", "\r\n"])).encode()


def decoded(values: list[bytes], policy: Policy) -> tuple[ReadEvents, list[int]]:
    """What the decoder reads, and the times; each must be one event without a fault."""
    partition = Partition("p", "events", ("p",), policy)
    found = partition._decoder.decode(received(values))
    assert not found.rejects
    assert list(found.origin.message_of) == list(range(len(values)))
    assert not found.origin.unusable
    return EventItems(policy, partition._pseudonyms).builder.reader.read(found.items), times_of(
        [item.ts for item in found.items]
    ).tolist()


def check(values: list[bytes], policy: Policy = RULES) -> int:
    """Compare what was scanned of messages with what is decoded of the same; return how many were."""
    scanner = scanner_for(policy)
    assert scanner is not None
    columns, names = scanner.scan(values)
    sure = np.flatnonzero(columns.sure)
    read, times = decoded([values[row] for row in sure.tolist()], policy)
    assert columns.times[sure].tolist() == times
    assert (columns.requests[sure] == read.requests).all()
    assert (columns.lineage[sure] == read.lineage).all()
    assert not read.faults
    for column, wanted in zip(columns.numbers, read.numbers.values(), strict=True):
        assert (column[sure] + 0.0).tobytes() == (wanted + 0.0).tobytes()
    for codes, numbers in zip(columns.codes, [*read.parts, read.errors], strict=True):
        pairs = set(zip(codes[sure].tolist(), numbers.tolist(), strict=True))
        assert len({code for code, _ in pairs}) == len({number for _, number in pairs}) == len(pairs)
    assert (columns.chain[sure] == read.chain).all()
    chained = read.chain != 0
    assert (columns.event[sure][chained] == read.event[chained]).all()
    assert all(name.isascii() for name in names)
    return len(sure)


def test_what_is_scanned_is_what_is_decoded() -> None:
    random = Random(20_261_122)
    taken = sum(check([random_message(random) for _ in range(BATCH)]) for _ in range(MESSAGES // BATCH))
    assert taken > MESSAGES / 5


def test_names_are_those_of_the_events() -> None:
    scanner = scanner_for(RULES)
    assert scanner is not None
    columns, names = scanner.scan([json.dumps(GOOD | {"model": f"m{number}"}).encode() for number in range(5)])
    assert columns.sure.all()
    assert [[names[code] for code in codes.tolist()] for codes in columns.codes.T] == [
        [f"m{number}", "v2", "eu", "pro", "timeout"] for number in range(5)
    ]


@pytest.mark.parametrize("numeral", NUMERALS)
@pytest.mark.parametrize("field", ["latency_ms", "input_tokens", "cost_usd", "score", "ts"])
def test_numerals_are_read_as_the_decoder_reads_them(field: str, numeral: str) -> None:
    check([json.dumps(GOOD | {field: "HERE"}).replace('"HERE"', numeral).encode()])


def test_usual_numbers_are_scanned() -> None:
    """Rounded ones, and all digits that a double has."""
    random = Random(5)
    numbers = [round(random.lognormvariate(5, 3), random.randrange(9)) for _ in range(2_000)]
    numbers += [random.lognormvariate(0, 8) for _ in range(100_000 if PROVE else 8_000)]
    # A few are beyond what may be, or nearly nothing.
    assert check([json.dumps(GOOD | {"latency_ms": number}).encode() for number in numbers]) > 0.99 * len(numbers)


@pytest.mark.parametrize("seed", range(4))
def test_batches_come_to_the_same_with_and_without(seed: int) -> None:
    """Whole batches, of which a part is scanned and a part decoded: rejects, rows and their order."""
    random = Random(seed)
    for _ in range(20 if PROVE else 2):
        values = [mutant(random)[0] for _ in range(120)]
        values += [msgspec.json.encode(_plain(event(random, START_MS + random.randrange(90_000)))) for _ in range(280)]
        values += random.sample(values, 40)
        random.shuffle(values)
        with_kernels = text(Partition("p", "events", ("p",), RULES).take(received(values)))
        with without():
            assert text(Partition("p", "events", ("p",), RULES).take(received(values))) == with_kernels


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    return body if isinstance(body["ts"], int) else body | {"ts": START_MS}


def test_a_partition_uses_the_scanner_only_where_it_may() -> None:
    assert Partition("p", "events", ("p",), RULES)._scan is not None
    assert Partition("p", "feedback", ("p",), RULES)._scan is None
    assert Partition("p", "events", ("p",), RULES, form="otlp")._scan is None
    with without():
        assert loading.kernels() is None
        assert isinstance(Partition("p", "events", ("p",), RULES)._scan, FamiliarReads)


def test_where_scanning_is_of_no_use_few_messages_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all have to be decoded, scanning them first costs for nothing; once they are usual, all are scanned."""
    tried: list[int] = []
    scan = MessageScanner.scan

    def counting(scanner: MessageScanner, values: Sequence[bytes]) -> tuple[Any, list[str]]:
        tried.append(len(values))
        return scan(scanner, values)

    monkeypatch.setattr(MessageScanner, "scan", counting)
    usual = [json.dumps(GOOD | {"request_id": f"r{number}"}).encode() for number in range(200)]
    odd = [value.replace(b"hello", b"\\n") for value in usual]
    assert odd != usual
    partition, first = Partition("p", "events", ("p",), RULES), 1
    for values in (odd, odd, usual, usual):
        partition.take(received(values, first))
        first += len(values)
    assert tried == [200, 64, 64, 200, 200]


def test_many_texts_are_forgotten_again() -> None:
    """Ids among the slices fill the table of texts: what has no room is decoded, and the table begins anew."""
    scanner = scanner_for(RULES)
    assert scanner is not None
    values = [json.dumps(GOOD | {"slices": {"region": f"id-{number}"}}).encode() for number in range(20_000)]
    columns, names = scanner.scan(values)
    assert len(names) <= TEXTS_MAX
    assert 0 < columns.sure.sum() < len(values)
    columns, names = scanner.scan(values[-3:])
    assert columns.sure.all()
    assert len(names) < 10


def test_numbers_between_two_doubles_are_read_as_the_decoder_reads_them() -> None:
    """Halves between doubles, whole ones beyond 2 ** 53, and decimals one digit beside them."""
    random = Random(8)
    texts = [str(random.randrange(1 << 53, 10**12 * 10**5))[:17] + f"e-{random.randrange(5, 30)}" for _ in range(4_000)]
    texts += [f"{(1 << 53) + 2 * random.randrange(1 << 40) + 1}e-{random.randrange(5)}" for _ in range(2_000)]
    texts += [f"{random.randrange(1, 1 << 53) | 1}.5" for _ in range(500)]
    texts += [f"{random.getrandbits(random.randrange(1, 60))}e{random.randrange(-45, 12)}" for _ in range(8_000)]
    values = [json.dumps(GOOD | {"latency_ms": "HERE"}).replace('"HERE"', text).encode() for text in texts]
    assert check(values) > 3_000


def test_chains_are_those_of_sessions_or_users() -> None:
    """Of every length, and of an event without a session that of its user."""
    names = ["x" * size for size in range(129)]
    bodies = [GOOD | {"session_id": name, "request_id": name or "r"} for name in names]
    bodies += [GOOD | {"session_id": None, "user_id": name} for name in names]
    assert check([json.dumps(body).encode() for body in bodies]) == len(bodies)


def test_hashes_of_requests_are_pythons_own() -> None:
    scanner = scanner_for(RULES)
    assert scanner is not None
    ids = ["x" * size for size in range(1, 129)]
    columns, _ = scanner.scan([json.dumps(GOOD | {"request_id": each}).encode() for each in ids])
    assert columns.requests.tolist() == [hash(each) for each in ids]
