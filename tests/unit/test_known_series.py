"""Series that are known by number have the names that they would have if they were named anew."""

import pickle
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from operators.arrays import Ints
from operators.ingest import known_series
from operators.ingest.known_series import KnownSeries
from operators.ingest.numbering import Numbering
from operators.window.leaf_index import LeafIndex, LeafSeries, NumberedSeries, are_of, by_model, models_of, united


def batches(random: Random, count: int) -> Iterator[tuple[list[Numbering], list[Ints], list[LeafSeries]]]:
    """Yield batches of some series of a few hundred, as numbers of their own, and by name."""
    for _ in range(count):
        indices = [Numbering() for _ in range(4)]
        names = {
            LeafSeries(
                f"m{random.randrange(3)}", f"v{random.randrange(4)}", (f"r{random.randrange(9)}", "" if at % 3 else "s")
            )
            for at in range(random.choice([1, 30, 200]))
        }
        series = sorted(names, key=lambda name: random.random())
        codes = [
            [index[text] for index, text in zip(indices, (*name[:2], *name.values), strict=True)] for name in series
        ]
        yield indices, list(np.array(codes).T), series


@pytest.mark.parametrize("bits", [62, 12, 4], ids=["all fit", "some are forgotten", "too many texts for a key"])
def test_they_have_their_names(monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    monkeypatch.setattr(known_series, "KEY_BITS", bits)
    monkeypatch.setattr(known_series, "SERIES_MIN", 40)
    known, random = KnownSeries(), Random(bits)
    for indices, codes, names in batches(random, 60):
        found = known.of(indices, codes)
        assert list(found) == names
        assert list(found.leaves.chosen(found.rows)) == names
        assert len(found.leaves) < 400


def test_texts_of_what_was_refused_are_forgotten() -> None:
    """They are numbered with the batch, and are of no series: 200 bytes each were kept without end."""
    known = KnownSeries()
    for batch in range(30):
        index = Numbering()
        numbers = [index[f"v{batch}-{at}"] for at in range(500)]
        found = known.of([Numbering({"m": 0}), index], [np.zeros(1, np.int64), np.array(numbers[:1])])
        assert list(found) == [LeafSeries("m", f"v{batch}-0", ())]
    assert max(map(len, known._parts)) < 2_000


def test_no_series_at_all() -> None:
    none = [np.zeros(0, np.int64)] * 2
    assert not len(KnownSeries().of([Numbering(), Numbering()], none))


def plainly_united(tables: list[list[LeafSeries]], indices: list[Ints]) -> tuple[list[LeafSeries], list[int]]:
    number: dict[LeafSeries, int] = {}
    for table, index in zip(tables, indices, strict=True):
        for at in sorted(set(index.tolist())):
            number.setdefault(table[at], len(number))
    return list(number), [
        number[table[at]] for table, index in zip(tables, indices, strict=True) for at in index.tolist()
    ]


@pytest.mark.parametrize("numbered_by", [0, 1, 3], ids=["nobody", "one", "three"])
def test_tables_are_united_in_order_of_first_appearance(numbered_by: int) -> None:
    random = Random(numbered_by)
    leaves = [LeafIndex() for _ in range(numbered_by)]
    for _ in range(50):
        tables = [names for _, _, names in batches(random, 4)]
        indices = [np.array(random.choices(range(len(table)), k=random.randrange(40)), np.int64) for table in tables]
        given = [random.choice(leaves).numbered(table) if leaves else table for table in tables]
        series, which = united(given, indices)
        assert (list(series), which.tolist()) == plainly_united(tables, indices)


def test_numbers_of_one_index_are_those_of_another() -> None:
    one, other = LeafIndex(), LeafIndex()
    for _, _, names in batches(Random(1), 20):
        first = one.numbered(names)
        second = other.numbered(first)
        assert list(second) == names
        assert other.numbered(second) is second
        assert (second.rows == other.numbered(names).rows).all()


def test_names_alone_are_sent() -> None:
    """The index of a partition does not go with each of its batches to another process."""
    (_, _, names), *_ = batches(Random(2), 1)
    index = LeafIndex()
    index.numbered([LeafSeries("m", f"v{at}", ()) for at in range(10_000)])
    sent = pickle.dumps(index.numbered(names))
    assert len(sent) < 10_000
    assert not isinstance(pickle.loads(sent), NumberedSeries)  # noqa: S301
    assert pickle.loads(sent) == tuple(names)  # noqa: S301


def test_models_are_asked_about_once_each() -> None:
    leaves = LeafIndex()
    first = leaves.numbered([LeafSeries(f"m{at % 3}", "v1", (str(at),)) for at in range(20)])
    every = leaves.numbered([*first, *(LeafSeries("m3", "v1", (str(at),)) for at in range(20))])
    for series in (first, every, leaves.chosen(every.rows[25:]), leaves.chosen(every.rows[:2])):
        assert by_model(series, lambda model: int(model[1:])).tolist() == [int(name.model[1:]) for name in series]
        assert models_of(series) == {name.model for name in series}
        for model in ("m0", "m3", "none"):
            assert are_of(series, model).tolist() == [name.model == model for name in series]
    asked = iter(range(4))
    assert len(set(by_model(every, lambda model: next(asked)).tolist())) == 4


def test_names_of_numbered_series_are_found_by_place_as_in_a_sequence() -> None:
    names = [LeafSeries("m", "v1", (str(at),)) for at in range(5)]
    series = LeafIndex().numbered(names)
    assert (list(series), series[-1], list(series[1:3]), names[2] in series) == (names, names[-1], names[1:3], True)
