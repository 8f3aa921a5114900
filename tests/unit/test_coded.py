"""Columns of few distinct values: each value is converted once, and only where it occurs."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from operators.connectors.clickhouse import coded as module
from operators.connectors.clickhouse.coded import KeptValues, coded
from operators.store.rows import Coded


class Texts:
    """Converts texts, and remembers how many it was given each time."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, values: Any) -> pa.Array:
        self.sizes.append(len(values))
        return pa.array(values, type=pa.string())


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptValues:
    made = KeptValues()
    monkeypatch.setattr(module, "_kept", made)
    return made


def test_a_window_of_few_of_many_series_costs_its_own() -> None:
    texts = Texts()
    column = Coded(values=[f"s{number}" for number in range(1_000)], codes=np.array([998, 3, 3, 500]))
    assert coded("string", column, texts).to_pylist() == ["s998", "s3", "s3", "s500"]
    assert texts.sizes == [3]


def test_values_that_come_again_are_not_converted_again() -> None:
    """As those of a pane do in each of its tables, whose rows are others."""
    texts, names = Texts(), ["a", "b", "c"]
    for codes in ([0, 1, 2], [2, 2, 0, 1], [1] * 9):
        read = coded("string", Coded(values=list(names), codes=np.array(codes)), texts).to_pylist()
        assert read == [names[code] for code in codes]
    assert texts.sizes == [3]


def test_other_values_in_the_same_list_are_others() -> None:
    texts, names = Texts(), ["a", "b"]
    codes = np.array([0, 1, 1])
    assert coded("string", Coded(values=names, codes=codes), texts).to_pylist() == ["a", "b", "b"]
    names[1] = "c"
    assert coded("string", Coded(values=names, codes=codes), texts).to_pylist() == ["a", "c", "c"]


def test_the_same_objects_are_other_values_in_a_column_of_another_kind() -> None:
    texts, names = Texts(), ["a"]
    for kind in ("string", "map"):
        coded(kind, Coded(values=names, codes=np.zeros(2, np.int8)), texts)
    assert texts.sizes == [1, 1]


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch, kept: KeptValues) -> None:
    monkeypatch.setattr(module, "VALUES_KEPT", 10)
    texts = Texts()
    lists = [[f"{row}-{number}" for number in range(4)] for row in range(3)]
    for values in (*lists, lists[2], lists[0]):
        assert kept.of("string", values, texts).to_pylist() == values
    assert texts.sizes == [4, 4, 4, 4], "the one before the last was still there, the first was not"
    big = [str(number) for number in range(50)]
    assert kept.of("string", big, texts).to_pylist() == kept.of("string", big, texts).to_pylist() == big
    assert texts.sizes[4:] == [50, 50]


@pytest.mark.parametrize("codes", [[5], [-1], [0, 5], [0, 1, 2, 3, 4, 0], [0, 1, 2, -1, 0]])
def test_a_code_without_a_value_is_refused(codes: list[int]) -> None:
    with pytest.raises((ValueError, pa.ArrowException)):
        coded("string", Coded(values=["a", "b", "c", "d"], codes=np.array(codes)), Texts())
