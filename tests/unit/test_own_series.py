"""What a shard is sent of a batch: its own rows, and the names of its own series alone."""

import json
from itertools import pairwise
from random import Random

import msgspec

from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.window.merging import merge
from operators.window.samples import Sample
from operators.window.splitting import split_rows
from tests.dataflows.making import POLICY, START_MS, event, received
from tests.fast_kernels import both_ways
from tests.laws.partials import plain

__all__ = ["both_ways"]

RULES = parse(POLICY)


def values(count: int) -> list[bytes]:
    random = Random(6)
    return [json.dumps(event(random, START_MS + number * 40, models=16)).encode() for number in range(count)]


def test_a_shard_is_sent_the_names_of_its_own_series(both_ways: None) -> None:
    batch = Partition("p", "events", ("p",), RULES).take(received(values(600)))
    parts = [part for _, item in batch.inputs for _, part in item.partials]
    assert len(parts) > 10
    assert all({*part.which.tolist()} == {*range(len(part.series))} for part in parts)
    models = [{name.model for name in part.series} for part in parts]
    assert max(map(len, models)) < 16
    assert sum(part.events.sum() for part in parts) == batch.items > 500


def test_pieces_of_a_partial_come_to_the_whole(both_ways: None) -> None:
    batch = Partition("p", "events", ("p",), RULES).take(received(values(300)))
    whole = merge([part for _, item in batch.inputs for _, part in item.partials])
    for edges in ([0, 1, 1, 5, whole.rows], [0, whole.rows], [*range(whole.rows + 1)]):
        pieces = split_rows(whole, edges)
        assert [part.rows for part in pieces] == [last - first for first, last in pairwise(edges)]
        assert plain(merge(pieces)) == plain(whole)


def test_what_was_found_goes_with_its_rows_in_the_order_in_which_it_was_found() -> None:
    batch = Partition("p", "events", ("p",), RULES).take(received(values(300)))
    whole = merge([part for _, item in batch.inputs for _, part in item.partials])
    found = [(row, Sample(0, 1, f"r{number}")) for number, row in enumerate((4, 0, 5, 4, 1, 4))]
    pieces = split_rows(msgspec.structs.replace(whole, samples=found), [1, 1, 4, 5, whole.rows])
    ids = [[(row, sample.request_id) for row, sample in piece.samples] for piece in pieces]
    assert ids == [[], [(0, "r4")], [(0, "r0"), (0, "r3"), (0, "r5")], [(0, "r2")]]
