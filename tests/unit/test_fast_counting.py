"""Each compiled kernel gives what NumPy gives, bit by bit."""

from random import Random

import numpy as np
import pytest

from operators.arrays import Ints, groups_of, order_by, packed_columns
from operators.ingest import summarise
from operators.ingest.columns import Columns
from operators.ingest.duplicates import Duplicates
from operators.ingest.lines import block_of
from operators.ingest.measured import measured
from operators.ingest.progress import Recent, advance
from operators.ingest.ranks import ranked
from operators.ingest.shown_before import LAST, among_first
from operators.ingest.watched_counts import Runs
from operators.policy_file.toml import parse
from operators.stats.histogram import EDGES
from operators.wire.events import NUMBER_MAX
from tests.dataflows.making import POLICY
from tests.fast_kernels import kernels, without

__all__ = ["kernels"]
pytestmark = pytest.mark.usefixtures("kernels")
RULES = parse(POLICY)


def test_line_ends() -> None:
    random = Random(1)
    for size in [*range(40), 1_000]:
        text = bytes(random.choices(b"\n\n\x0b\x09\x8a\x00a", k=size))
        found = block_of(text)
        with without():
            wanted = block_of(text)
        assert (found.starts.tolist(), found.ends.tolist()) == (wanted.starts.tolist(), wanted.ends.tolist())


def logs(random: np.random.Generator) -> list[Ints]:
    """Times that grow, nearly grow, stand still, fall, or are anything."""
    steps = random.integers(0, 30, 6_000).cumsum()
    return [
        steps,
        steps + random.integers(-300, 300, 6_000),
        np.zeros(3_000, np.int64),
        -steps,
        random.integers(-(1 << 50), 1 << 50, 3_000),  # SciPy's filter is exact as far as doubles are.
    ]


@pytest.mark.parametrize("few", [1, 3, 11, 110])
def test_ranks(few: int) -> None:
    for log in logs(np.random.default_rng(few)):
        for start, stop in ((0, len(log)), (0, 9), (500, 520), (2_000, len(log))):
            found = ranked(log, start, stop, few)
            with without():
                assert (ranked(log, start, stop, few) == found).all()


def test_how_far_time_has_come() -> None:
    random = np.random.default_rng(3)
    for log in logs(random)[:4]:
        results = []
        for cuts in ((), (1_700, 1_701, 2_900)):
            recent, time, parts = Recent(), 0, []
            for part in np.split(log, cuts):
                seen, recent = advance(time, recent, part, RULES)
                time = int(seen[-1])
                parts.append(seen)
            results.append(np.concatenate(parts))
        with without():
            wanted, _ = advance(0, Recent(), log, RULES)
        assert all((result == wanted).all() for result in results)


def test_duplicates() -> None:
    random = np.random.default_rng(4)
    ids = random.choice(random.integers(-(1 << 62), 1 << 62, 9_000), 40_000)
    ids[ids == 0] = 1
    times = random.integers(0, 40, len(ids)).cumsum() - random.integers(0, 5_000, len(ids))
    found = [Duplicates(60_000, 5_000), Duplicates(60_000, 5_000)]
    for part, when in zip(np.array_split(ids, 9), np.array_split(times, 9), strict=True):
        again = found[0].again(part, when)
        with without():
            assert (found[1].again(part, when) == again).all()
    assert found[0]._count == found[1]._count


def test_a_table_of_ids_is_read_with_and_without() -> None:
    random = np.random.default_rng(5)
    ids, times = random.choice(np.arange(1, 4_000) << 40, 20_000), np.arange(20_000)
    mixed, plain = Duplicates(1_000_000, 10_000), Duplicates(1_000_000, 10_000)
    for turn, (part, when) in enumerate(zip(np.array_split(ids, 10), np.array_split(times, 10), strict=True)):
        with without():
            wanted = plain.again(part, when)
            found = mixed.again(part, when) if turn % 2 else None
        assert ((mixed.again(part, when) if found is None else found) == wanted).all()


def test_measures() -> None:
    """Also of absent, negative, zero, tiny and huge numbers, and those at the edges of buckets."""
    random, size = np.random.default_rng(6), 5_000
    edges = np.concatenate([EDGES, np.nextafter(EDGES, 0), np.nextafter(EDGES, np.inf)]).clip(max=1e12)
    some = [
        random.lognormal(5, 3, size),
        random.choice(edges, size) * random.choice([1, 1, -1], size),
        random.choice([np.nan, 0.0, 1.0, -1.0, 1e-12, 1e9, -1e9, 5e-324], size),
        np.full(size, np.nan),
        random.integers(0, 100, size).astype(float),
    ]
    names = [measure.name for measure in RULES.measures]
    numbers = dict(zip(names, some, strict=False))
    series = random.integers(0, 7, size)
    order, starts = groups_of(series)
    groups = Runs(order=order, starts=starts, of=np.repeat(np.arange(len(starts)), np.diff(starts, append=size)))
    columns = Columns(
        stream="events", names=(), series=series, error_types=[""], errors=np.zeros(size, np.int64), numbers=numbers
    )
    found = measured(columns, RULES.measures, groups)
    with without():
        wanted = measured(columns, RULES.measures, groups)
    for one, other in zip(found, wanted, strict=True):
        assert (one.shape, one.dtype, one.tobytes()) == (other.shape, other.dtype, other.tobytes())


def test_order_of_columns_is_that_of_a_sort() -> None:
    random = np.random.default_rng(7)
    for spans in ((2, 2), (1, 70_000, 3), (1 << 62, 5, 1 << 40), (1, 1), (1 << 61, 1 << 61, 2)):
        columns = [random.integers(-span // 2, span // 2 + 1, 400) for span in spans]
        columns = [column[random.integers(0, 40, 400)] for column in columns]
        order = order_by(*columns)
        assert order.tolist() == np.lexsort(columns[::-1]).tolist()
        ordered, starts = groups_of(*columns)
        rows = list(zip(*(column[order].tolist() for column in columns), strict=True))
        assert ordered.tolist() == order.tolist()
        assert starts.tolist() == [at for at in range(400) if not at or rows[at] != rows[at - 1]]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_the_first_of_groups(most: int) -> None:
    """Batch by batch: those of all that came so far, and so of few of the later batches."""
    random = np.random.default_rng(8)
    ways = [np.full((60, most), LAST) for _ in range(2)]
    known: dict[int, set[int]] = {}
    for batch in range(6):
        groups, times = random.integers(0, 60, 300), random.integers(0, 40, 300)
        marked = random.random(300) < 0.5 * (batch != 4)
        for group, time in zip(groups[marked].tolist(), times[marked].tolist(), strict=True):
            known.setdefault(group, set()).add(time)
        first = {group: sorted(some)[:most] for group, some in known.items()}
        rows = np.flatnonzero(marked).tolist()
        wanted = [row for row in rows if times[row] <= (first[groups[row]] + [LAST] * most)[most - 1]]
        assert among_first(marked, groups, times, ways[0]).tolist() == wanted
        with without():
            assert among_first(marked, groups, times, ways[1]).tolist() == wanted
    kept = [(first.get(group, []) + [LAST] * most)[:most] for group in range(60)]
    assert [least.tolist() for least in ways] == [kept, kept]


def test_large_numbers_that_hardly_differ_are_packed_as_small_ones() -> None:
    numbers = np.array([170_000_001, 170_000_000, 170_000_003])
    [(packed, highest)] = packed_columns((numbers, np.array([-5, -5, -4]), np.full(3, -(1 << 62))))
    assert (packed.tolist(), highest) == ([2, 0, 7], 7)
    assert packed_columns((numbers[:0],)) == []


def test_items_of_each_class() -> None:
    random = np.random.default_rng(9)
    for size, span in ((0, 3), (500, 1), (500, 40)):
        order, starts = groups_of(random.integers(0, span, size))
        runs = Runs(order=order, starts=starts, of=np.repeat(np.arange(len(starts)), np.diff(starts, append=size)))
        classes = random.integers(0, 4, size)
        classes.flags.writeable = False
        found = summarise._classes(classes, runs)
        with without():
            assert found.tolist() == summarise._classes(classes, runs).tolist()


def test_codes_of_groups_larger_than_what_is_looked_at_together() -> None:
    """Values at, and beside, every edge, in one group and in many; of a thousand rows and of none."""
    near = (EDGES[::7, None] * [1, 1 - 1e-15, 1 + 1e-15]).ravel()
    values = np.concatenate([near[near < NUMBER_MAX], [0.0, np.nan, NUMBER_MAX, 1e-300]])
    values = np.concatenate([values, 0.0 - values])
    for groups in (1, 300):
        order, starts = groups_of(np.arange(len(values)) % groups)
        runs = Runs(
            order=order, starts=starts, of=np.repeat(np.arange(len(starts)), np.diff(starts, append=len(order)))
        )
        columns = Columns(
            stream="events", names=(), series=order, error_types=[""], errors=order, numbers={"latency_ms": values}
        )
        found = measured(columns, RULES.measures, runs)
        with without():
            wanted = measured(columns, RULES.measures, runs)
        assert all((one == other).all() for one, other in zip(found, wanted, strict=True))
