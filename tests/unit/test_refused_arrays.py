"""An array of refused items costs as much as so many refused messages: the message is split once."""

import json
import time
from typing import Any

import pytest

from operators.ingest.credentials import Credentials
from operators.ingest.formats.format import Stream
from operators.ingest.formats.native import FAULTS_MAX, Decoder
from operators.ingest.partition import Batch, Partition
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY, START_MS, received

ITEM: dict[str, Any] = {"request_id": "r", "ts": START_MS, "model": "m", "version": "v"}
# Decoded, and refused by their time, for want of context, and for want of a signature.
REFUSED: dict[str, tuple[Stream, dict[str, Any]]] = {
    "future_timestamp": ("events", ITEM | {"ts": START_MS + 30 * 86_400_000}),
    "no_context": ("feedback", {"request_id": "r", "ts": START_MS, "kind": "judge"}),
    "unsigned": ("commands", {"type": "override", "id": "o", "ts": START_MS, "model": "m", "version": "v"}),
}


def taken(reason: str, items: int) -> tuple[Batch, float]:
    """One array of so many refused items, as it is taken, and the seconds of CPU that it costs."""
    stream, item = REFUSED[reason]
    one = Partition("log", stream, ("log",), parse(POLICY), Credentials(key="a key of some length"))
    messages = received([json.dumps([item] * items).encode()])
    began = time.process_time()
    batch = one.take(messages)
    return batch, time.process_time() - began


@pytest.mark.parametrize("reason", REFUSED)
def test_an_array_of_refused_items_costs_in_proportion_to_its_length(reason: str) -> None:
    """An array of 8,000 once took 9 s, of 16,000 four times as long: each item split the whole message again."""
    batch, _ = taken(reason, 8_000)
    assert [reject.item for reject in batch.rejects] == list(range(8_000))
    assert {reject.reason for reject in batch.rejects} == {reason}
    assert {reject.value for reject in batch.rejects} == {json.dumps(REFUSED[reason][1]).encode()}
    short, long = (min(taken(reason, items)[1] for _ in range(3)) for items in (1_000, 8_000))
    assert long < 3 * 8 * max(short, 1e-3)


def test_texts_may_be_asked_for_in_any_order() -> None:
    bodies = [[f"{message}.{item}" for item in range(3)] for message in range(3)]
    messages = received([json.dumps(body).encode() for body in bodies])
    items, origin, _ = Decoder(str, 1_000).decode(messages)
    for index in (8, 0, 4, 5, 1, 8, 3):
        assert json.loads(origin.text(index)) == items[index]


@pytest.mark.parametrize("glue", [b",", b"\n"])
def test_what_follows_many_refused_items_of_a_message_is_refused_as_one(glue: bytes) -> None:
    """Half a million dead letters of one megabyte, and seven seconds, before."""
    text = glue.join([b"1"] * 400_000)
    one = Partition("log", "events", ("log",), parse(POLICY))
    batch = one.take(received([b"[" + text + b"]" if glue == b"," else text]))
    assert len(batch.rejects) == FAULTS_MAX + 1
    last = batch.rejects[-1]
    assert (last.item, last.reason) == (FAULTS_MAX, "too_many_faults")
    assert last.detail == f"{400_000 - FAULTS_MAX} items after {FAULTS_MAX} that were refused were not looked at"
    assert last.value == b",".join([b"1"] * (400_000 - FAULTS_MAX))


def test_good_items_beside_many_refused_ones_survive() -> None:
    body = [*[1] * (FAULTS_MAX - 1), ITEM, 1, ITEM]
    one = Partition("log", "events", ("log",), parse(POLICY))
    batch = one.take(received([json.dumps(body).encode()]))
    assert (batch.items, batch.rejects[-1].reason) == (1, "too_many_faults")
