"""Pieces of a table made one hold the same rows, of the same types, and what is refused of them is the same."""

from collections.abc import Mapping
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from operators.connectors.clickhouse.arrow import to_arrow
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.store.joined import joined_rows
from operators.store.rows import Coded, Ragged, Rows

DIMS: tuple[Mapping[str, str], ...] = ({"region": "eu"}, {"region": "us"}, {})


def piece(random: Random, many: int, *, sums: bool = False) -> Rows:
    """Rows of measure_pane, in which sums are whole numbers of any size where `sums`."""
    lengths = [random.randrange(4) for _ in range(many)]
    flat = [random.randrange(100) for _ in range(sum(lengths))]
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int64)
    order = random.sample(DIMS, len(DIMS))
    codes = np.array([random.randrange(3) for _ in range(many)], np.int64)
    whole = [random.randrange(1 << 40) for _ in range(many)]
    numbers = np.array([random.random() for _ in range(many)])
    columns: dict[str, Any] = {
        "model": Coded(values=["m"], codes=np.zeros(many, np.int8)),
        "version": [random.choice(("v1", "v2")) for _ in range(many)],
        "slice": Coded(values=[str(each) for each in order], codes=codes),
        "dims": Coded(values=order, codes=codes),
        "pane_start": np.array(whole, np.int64),
        "pane_ms": np.full(many, 10_000),
        "late": np.zeros(many, np.int64),
        "arrival": np.array(whole, np.int64),
        "measure": Coded(values=["latency_ms"], codes=np.zeros(many, np.int64)),
        "n": np.array(whole, np.int64),
        "sum": [each << 40 for each in whole] if sums else np.array(whole, np.int64),
        "min": numbers,
        "max": numbers,
        "gamma": numbers,
        "buckets": Ragged(flat=np.array(flat, np.int16), offsets=offsets),
        "counts": Ragged(flat=np.array(flat, np.uint32), offsets=offsets),
        "ver": np.array(whole, np.int64),
    }
    return Rows(table="measure_pane", columns=columns)


def test_pieces_made_one_hold_the_same_rows() -> None:
    random = Random(5)
    for _ in range(20):
        pieces = [piece(random, random.randrange(5), sums=random.random() < 0.2) for _ in range(random.randrange(1, 9))]
        found = list(joined_rows(pieces))
        assert pa.concat_tables(map(to_arrow, found)).equals(pa.concat_tables(map(to_arrow, pieces)))
        kinds = [type(each.columns["sum"]) for each in found]
        assert all(one is not two for one, two in pairwise(kinds))


def test_a_text_that_is_one_object_is_there_once() -> None:
    random = Random(5)
    (one,) = joined_rows([piece(random, 3), piece(random, 4)])
    assert len(one.columns["dims"].values) == len(DIMS)  # type: ignore[union-attr]  # It is Coded.
    assert one.columns["model"].values == ["m"]  # type: ignore[union-attr]


class Taking:
    """A server that takes everything."""

    def __init__(self) -> None:
        self.blocks: list[pa.Table] = []

    def raw_insert(
        self, table: str, column_names: list[str], insert_block: bytes, settings: dict[str, Any], fmt: str
    ) -> None:
        self.blocks.append(pa.ipc.open_stream(insert_block).read_all())


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("model", Coded(values=["m"], codes=np.array([0, 1, 0]))),
        ("model", Coded(values=["m"], codes=np.array([0, -1, 0]))),
        ("version", ["v1", 7, "v1"]),
        ("n", np.array([1, -1, 1])),
        ("n", [1, None, 1]),
    ],
)
def test_a_row_that_does_not_fit_is_refused_alone(name: str, wrong: Any) -> None:
    random = Random(5)
    pieces = [piece(random, 2), piece(random, 3), piece(random, 2)]
    columns = {**pieces[1].columns, name: wrong}
    server, refused = Taking(), list[Poison]()
    inserter = Inserter(server, refused.append)
    for each in (pieces[0], Rows(table="measure_pane", columns=columns), pieces[2]):
        inserter.add(each)
    inserter.flush()
    whole = pa.concat_tables(map(to_arrow, pieces))
    kept = pa.concat_tables(server.blocks)
    assert len(refused) == 1
    rest = [row for row in range(7) if row != 3]
    times = [column.to_pylist() for column in (kept["pane_start"], whole["pane_start"].take(rest))]
    assert times[0] == times[1]
