"""Histograms: every value and quantile within 1 %, codes in the order of values, adding and taking away exact."""

import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.stats import histogram
from operators.stats.histogram import CODE_MAX, CODE_MIN, MAGNITUDE_MAX, MAGNITUDE_MIN, codes_of, values_of
from operators.window.paged import PagedHistograms

WITHIN = 0.01 * (1 + 1e-9)
PROBABILITIES = (0.0, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0)

magnitudes = st.one_of(
    st.floats(MAGNITUDE_MIN, MAGNITUDE_MAX),
    st.integers(-1_000, 1_380).map(lambda b: float(np.float64(0.99 / 1.01) ** -b)),  # Next to an edge.
    st.integers(0, 300).map(float),
)
values = st.one_of(magnitudes, magnitudes.map(lambda x: -x), st.just(0.0)).filter(
    lambda x: x == 0 or MAGNITUDE_MIN <= abs(x) <= MAGNITUDE_MAX
)
positive = magnitudes.filter(lambda x: MAGNITUDE_MIN <= x <= MAGNITUDE_MAX)


@given(st.lists(values, min_size=1))
def test_a_code_stands_for_its_values_within_one_percent(xs: list[float]) -> None:
    codes = codes_of(np.array(xs))
    assert codes.min() >= CODE_MIN
    assert codes.max() <= CODE_MAX
    told = values_of(codes)
    assert (np.abs(told - xs) <= WITHIN * np.abs(xs)).all()


@given(st.lists(values, min_size=2))
def test_codes_sort_as_values_do(xs: list[float]) -> None:
    codes = codes_of(np.array(sorted(xs)))
    assert (np.diff(codes) >= 0).all()
    assert (np.diff(values_of(codes)) >= 0).all()


@given(st.lists(values, min_size=1))
def test_a_code_does_not_depend_on_its_neighbours(xs: list[float]) -> None:
    """Else a row would depend on where a batch was cut."""
    codes = codes_of(np.array(xs)).tolist()
    assert codes == [int(codes_of(np.array([x]))[0]) for x in xs]


def test_a_bucket_has_one_value_wherever_it_stands() -> None:
    """Vectors are computed several at a time and the rest one by one: to the same last bit."""
    codes = np.arange(CODE_MIN, CODE_MAX + 1)
    whole = values_of(codes)
    assert whole.tobytes() == b"".join(values_of(codes[index : index + 1]).tobytes() for index in range(len(codes)))
    for size in (2, 3, 5, 7):
        parts = [values_of(codes[first : first + size]) for first in range(0, len(codes), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_every_bucket_is_its_own_code() -> None:
    used = codes_of(values_of(np.arange(-1_036, CODE_MAX)))
    assert used.tolist() == list(range(-1_036, CODE_MAX))


def with_accuracy(accuracy: float, read_by_tables: tuple[int, int] = histogram.READ_BY_TABLES) -> ModuleType:
    """The module as another accuracy makes it, and tables that read such numbers."""
    text = Path(str(histogram.__file__)).read_text()
    for before, after in (
        ("ACCURACY = 0.01\n", f"ACCURACY = {accuracy}\n"),
        ("READ_BY_TABLES = (-2_000, 4_000)", f"READ_BY_TABLES = {read_by_tables}"),
    ):
        assert before in text
        text = text.replace(before, after)
    module = ModuleType("other")
    exec(compile(text, "other", "exec"), module.__dict__)  # noqa: S102  # Our own file, but for two numbers.
    return module


@pytest.mark.parametrize(
    ("accuracy", "numbers"), [(0.005, (-3_000, 6_000)), (0.002, (-6_000, 12_000)), (0.02, (-1_000, 2_000))]
)
def test_another_accuracy_is_refused_until_tables_read_its_codes_and_then_keeps_the_laws(
    accuracy: float, numbers: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=f"an accuracy of {accuracy} needs {numbers[0]} for zero, {numbers[1]} for"):
        with_accuracy(accuracy)
    other = with_accuracy(accuracy, numbers)
    positive = np.geomspace(MAGNITUDE_MIN, MAGNITUDE_MAX, 30_011)
    xs = np.concatenate((-positive[::-1], [0.0], positive))
    codes = other.codes_of(xs)
    assert (np.diff(codes) >= 0).all()
    assert (np.diff(codes)[[len(positive) - 1, len(positive)]] > 0).all()  # Zero stands alone.
    assert (np.abs(other.values_of(codes) - xs) <= accuracy * (1 + 1e-9) * np.abs(xs)).all()
    assert (codes.min(), codes.max()) == (other.CODE_MIN, other.CODE_MAX)
    assert (codes - other.CODE_MIN).max() < 1 << other.CODE_BITS
    assert codes.astype(np.int16).tolist() == codes.tolist()


def test_an_accuracy_whose_codes_do_not_fit_is_refused_whatever_tables_read() -> None:
    with pytest.raises(ValueError, match="in 16 bits"):
        with_accuracy(0.0005, (-21_000, 42_000))


def test_tables_read_codes_as_they_are_written() -> None:
    reading = re.compile(r"code = (-\d+), 0,\s+code < (-\d+), .*-\(code \+ (\d+)\)")
    folder = Path(__file__).parents[2] / "infra" / "clickhouse"
    found = {tuple(map(int, each)) for path in folder.glob("*.sql") for each in reading.findall(path.read_text())}
    assert found == {(histogram.ZERO, histogram.ZERO, histogram.NEGATIVE)}
    assert histogram.CODE_BITS == 13


cells = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1), positive), min_size=1, max_size=60)


def add(histograms: PagedHistograms, items: list[tuple[int, int, float]], sign: int = 1) -> None:
    slots, measures, xs = (np.array(column) for column in zip(*items, strict=True))
    histograms.add(slots, measures, codes_of(xs.astype(float)), np.full(len(items), sign))


def exact_quantiles(items: list[tuple[int, int, float]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    result = np.full((6, 2, len(PROBABILITIES)), np.nan)
    for slot in range(6):
        for measure in range(2):
            xs = [x for s, m, x in items if (s, m) == (slot, measure)]
            if xs:
                result[slot, measure] = np.quantile(xs, PROBABILITIES)
    return result


@given(cells)
def test_quantiles_are_within_one_percent_of_the_exact_ones(items: list[tuple[int, int, float]]) -> None:
    """Exactly linear between the neighbours, as NumPy's; NaN where there is no value, also past the last slot."""
    histograms = PagedHistograms(2)
    add(histograms, items)
    told, wanted = histograms.quantiles(np.arange(6), 2, PROBABILITIES), exact_quantiles(items)
    assert np.array_equal(np.isnan(told), np.isnan(wanted))
    assert (np.nan_to_num(np.abs(told - wanted)) <= WITHIN * np.nan_to_num(np.abs(wanted))).all()


@given(cells, cells)
def test_what_is_taken_away_leaves_no_trace(
    kept: list[tuple[int, int, float]], gone: list[tuple[int, int, float]]
) -> None:
    alone, both = PagedHistograms(2), PagedHistograms(2)
    add(alone, kept)
    add(both, gone)
    add(both, kept)
    add(both, gone, sign=-1)
    slots = np.arange(6)
    told, wanted = both.quantiles(slots, 2, PROBABILITIES), alone.quantiles(slots, 2, PROBABILITIES)
    assert told.tobytes() == wanted.tobytes()


@given(cells, cells)
def test_cleared_histograms_are_as_new(
    first: list[tuple[int, int, float]], second: list[tuple[int, int, float]]
) -> None:
    used, new = PagedHistograms(2), PagedHistograms(2)
    add(used, first)
    used.clear()
    assert np.isnan(used.quantiles(np.arange(6), 2, PROBABILITIES)).all()
    for histograms in (used, new):
        add(histograms, second)
    slots = np.arange(6)
    assert used.quantiles(slots, 2, PROBABILITIES).tobytes() == new.quantiles(slots, 2, PROBABILITIES).tobytes()
