"""Brackets that are nested nearly too deep to be decoded: an item is taken or refused, and never stops anything."""

import json

import pytest

from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY, START_MS, received

SHALLOW, DEEP = 100, 1_600  # One is always taken, the other never.
AROUND = 30


@pytest.mark.parametrize("fields", [{}, {"attempt": "1"}])
@pytest.mark.parametrize("listed", [False, True])
def test_what_was_decoded_can_be_decoded_again(fields: dict[str, object], listed: bool) -> None:
    """At one depth it was taken, and could not be read again, from deeper in the stack: RecursionError.

    The event failed, so that people are shown it: some of it is decoded again.
    """
    partition = Partition("log", "events", ("log",), parse(POLICY))
    asked: list[bool] = []

    def is_taken(depth: int) -> bool:
        body = {"request_id": f"r{len(asked)}", "ts": START_MS, "model": "m", "version": "v", "error_type": "boom"}
        value = json.dumps(body | fields).encode()[:-1] + b', "input": ' + b"[" * depth + b"]" * depth + b"}"
        batch = partition.take(received([b"[" + value + b"]" if listed else value], len(asked) + 1))
        assert batch.items + len(batch.rejects) == 1
        asked.append(batch.items == 1)
        return asked[-1]

    low, high = SHALLOW, DEEP
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_taken(middle) else (low, middle)
    around = [is_taken(depth) for depth in range(high - AROUND, high + AROUND)]
    assert around == sorted(around, reverse=True)
    assert around[0]
    assert not around[-1]
