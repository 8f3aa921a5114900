"""Rows of tables are written at once, whatever they are made of, and never into a copy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from operators.arrays import FEW, any_of_row, put_rows

TABLES = [
    np.zeros((9 * FEW, 2), np.int64),
    np.zeros((9 * FEW, 5, 2), np.int32),
    np.zeros(9 * FEW, [("word", "i1"), ("fires", "?", (3,)), ("since", "i8")]),
]


@pytest.mark.parametrize("table", TABLES, ids=["pairs", "windows", "fields"])
@pytest.mark.parametrize("many", [0, 1, FEW, 8 * FEW])
def test_rows_are_written_as_by_their_numbers(table: NDArray[np.void], many: int) -> None:
    random = np.random.default_rng(many)
    rows = np.sort(random.permutation(len(table))[:many])
    some = np.frombuffer(random.integers(0, 2, many * table[:1].nbytes, np.uint8).tobytes(), table.dtype)
    some = some.reshape(many, *table.shape[1:])
    plain, at_once = table.copy(), table.copy()
    plain[rows] = some
    put_rows(at_once, rows, some)
    assert at_once.tobytes() == plain.tobytes()


def test_rows_that_are_not_in_one_piece_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous"):
        put_rows(np.zeros((9 * FEW, 4), np.int64)[:, ::2], np.arange(FEW + 1), np.ones((FEW + 1, 2), np.int64))


def test_rows_with_anything_in_them_are_found() -> None:
    flags = np.random.default_rng(2).random((40, 3)) < 0.2
    assert any_of_row(flags).tolist() == flags.any(axis=1).tolist()
    assert any_of_row(-1 * flags).tolist() == flags.any(axis=1).tolist()
