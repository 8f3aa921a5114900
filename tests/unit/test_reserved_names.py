"""Names that are rollguard's own: refused in commands, and harmless where one came through all the same."""

import json

import pytest

from operators.ingest.partition import Partition
from operators.window.leaf_index import LeafSeries
from operators.window.series_index import SeriesIndex
from operators.wire.control import Refusal
from tests.dataflows.making import START_MS, received
from tests.releasing import policy


@pytest.mark.parametrize(
    "said",
    [
        {"type": "release", "model": "*", "candidate": "v2", "baseline": "v1"},
        {"type": "release", "model": "m", "candidate": "__other__", "baseline": "v1"},
        {"type": "release", "model": "m", "candidate": "v2", "baseline": "*"},
        {"type": "override", "model": "m", "version": "*"},
        {"type": "ack", "model": "__other__/s03", "event": "e"},
        {"type": "silence", "model": "*", "until": START_MS},
    ],
)
def test_a_command_with_a_reserved_name_is_refused_and_told_of(said: dict[str, object]) -> None:
    partition = Partition("c", "commands", ("c",), policy())
    batch = partition.take(received([json.dumps({"id": "a", "ts": START_MS} | said).encode()]))
    assert [reject.reason for reject in batch.rejects] == ["reserved_name"]
    told = [each for _, item in batch.inputs for _, each in item.commands]
    assert [each.reason for each in told if isinstance(each, Refusal)] == ["reserved_name"]
    assert {each.model for each in told if isinstance(each, Refusal)} <= {"", "m"}


def test_a_version_named_as_all_together_finds_its_own_slots() -> None:
    """A version `*` once found the slots of all versions together, of other grains: "cannot reshape"."""
    slots = SeriesIndex(("region",), ((), (0,)), ((),))
    assert slots.parents([LeafSeries("m", "v1", ("eu",))]).tolist() == [[0, 1, 2]]
    assert slots.parents([LeafSeries("m", "*", ("eu",)), LeafSeries("m", "v1", ("eu",))]).tolist() == [
        [2, 3, 2],
        [0, 1, 2],
    ]
    assert [name[1:3] for name in slots.names] == [("v1", "*"), ("v1", "region=eu"), ("*", "*"), ("*", "region=eu")]
