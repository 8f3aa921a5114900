"""What is written again after a crash is dropped: a partition comes to the same as if it had been written once."""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from operators.ingest.messages import Messages
from operators.ingest.partition import Partition
from operators.ingest.position import SavedInput
from operators.ingest.relayed import HEADER, LOGS_MAX, PLACE_MAX, Seen, copies, origin_header
from operators.policy_file.toml import parse
from operators.recovery import dumps, loads
from tests.dataflows.making import POLICY, START_MS, STARTED_MS

Sent = tuple[bytes, bytes]  # Value and header.
DEDUPED = parse(POLICY.replace('horizon = "0s"', 'horizon = "1m"\nids_max = 50'))


def sent(log: str, position: int, item: int = 0, **fields: Any) -> Sent:
    body = {"request_id": f"{log}-{position}-{item}", "ts": START_MS + position * 50, "kind": "judge", "value": 4}
    value = body | {"model": "m", "version": "v1"} | fields
    return json.dumps(value).encode(), origin_header(log, position, item)[1]


def messages(some: Sequence[Sent], first: int = 0) -> Messages:
    return Messages(
        values=[value for value, _ in some],
        positions=range(first, first + len(some)),
        received_ms=np.full(len(some), STARTED_MS),
        beside=[(b"", header) for _, header in some],
    )


def redone(random: Random, written: Sequence[Sent]) -> list[Sent]:
    """The same written by somebody who is killed now and then, and begins again a little before."""
    log: list[Sent] = []
    at = 0
    while at < len(written):
        stop = min(len(written), at + random.randrange(1, 60))
        log += written[at:stop]
        at = stop if stop == len(written) else max(0, stop - random.randrange(40))
    return log


def writing(random: Random) -> list[Sent]:
    """Of two logs, in turn; some late, some without a model, some too late, some with an id of before."""
    out = []
    for position in range(400):
        fields: dict[str, Any] = {}
        odd = random.random()
        if odd < 0.05:
            fields["ts"] = START_MS + position * 50 - 8_000
        elif odd < 0.08:
            fields["ts"] = START_MS - 3_600_000
        elif odd < 0.1:
            fields["model"] = None
        elif odd < 0.2:
            fields["request_id"] = f"again-{position // 7}"
        out += [sent(random.choice("ab"), position, item, **fields) for item in range(random.choice([1, 1, 2]))]
    return out


def taken(log: Sequence[Sent], size: int, save: bool) -> tuple[list[Any], list[Any], int, int]:
    """What a partition makes of a log: items kept, those refused, how many are late, and the time in the end."""
    partition = Partition("p", "feedback", ("p",), DEDUPED)
    kept: list[Any] = []
    refused: list[Any] = []
    late = 0
    for at in range(0, len(log), size):
        batch = partition.take(messages(log[at : at + size], at))
        kept += [msgspec.to_builtins(each) for each in batch.feedback]
        refused += [(reject.reason, reject.value) for reject in batch.rejects]
        late += batch.late
        if save:
            partition = restored(partition, log, at + size)
    return kept, refused, late, partition.state.newest


def restored(partition: Partition, log: Sequence[Sent], position: int) -> Partition:
    """The same after a restart: what tells duplicates is read again from the log."""
    saved = loads(dumps(SavedInput(position=position, state=partition.state), DEDUPED), SavedInput, DEDUPED)
    assert saved is not None
    anchor = saved.state.remembered
    other = Partition("p", "feedback", ("p",), DEDUPED)
    other.state = saved.state
    if anchor is not None:
        other.remember_from(anchor)
        other.remember(messages(log[anchor.position : position], anchor.position))
    return other


@pytest.mark.parametrize("save", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_written_again_it_comes_to_the_same_as_written_once(seed: int, save: bool) -> None:
    random = Random(seed)
    written = writing(random)
    log = redone(random, written)
    assert len(log) > len(written) * 1.2
    once = taken(written, 37, save=False)
    assert len(once[0]) > 300
    assert {reason for reason, _ in once[1]} == {"no_context", "too_late"}
    again = taken(log, random.randrange(1, 90), save)
    assert again == once


def test_it_is_the_log_that_is_told_apart_not_the_writer() -> None:
    some = [sent("a", 1), sent("b", 0), sent("a", 0), sent("b", 0, 1), (sent("a", 0)[0], b"")]
    again, seen = copies(messages(some), {})
    assert again is not None
    assert again.tolist() == [False, False, True, False, False]
    assert seen == {"b": (0, 1), "a": (1, 0)}


@pytest.mark.parametrize(
    "header",
    [b"a:1", b":1:0", b"a:x:0", b"a:-1:0", b"\xff:1:0", b"a" * 300 + b":1:0", f"a:{PLACE_MAX}:0".encode(), b"a:1:\x00"],
)
def test_a_header_that_is_none_of_ours_says_nothing(header: bytes) -> None:
    again, seen = copies(messages([(b"{}", header)] * 2), {})
    assert again is None
    assert seen == {}


def test_few_logs_are_remembered_the_last_ones() -> None:
    seen: Seen = {}
    for number in range(LOGS_MAX + 5):
        _, seen = copies(messages([sent("first", number), sent(f"log-{number}", 0)]), seen)
    assert len(seen) == LOGS_MAX
    assert "first" in seen
    assert "log-3" not in seen


def test_what_no_header_says_costs_nothing() -> None:
    again, seen = copies(messages([(b"{}", b"")]), {"a": (1, 1)})
    assert again is None
    assert seen == {"a": (1, 1)}
    assert HEADER == "rollguard-from"  # Frozen: readers of logs that are there know it.
