"""An e-variable has an expectation of at most 1 on the whole null, by enumeration; a process is its own blocks only."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from operators.verdict import block
from operators.verdict.e_process import NOT_WORSE, WORSE, EProcesses
from operators.window.partial import Floats, Ints

DIFFERENCES = [-0.05, -0.02, -0.001, 0.0, 0.001, 0.01, 0.05, 0.1]
SIZES = [(1, 1), (1, 9), (3, 3), (9, 1), (2, 90), (30, 4), (25, 25)]
RATIOS = [0.0005, 0.011, 0.05, 0.11, 0.3, 0.5, 0.8, 0.995]
ARRAYS = ("log_m", "peaks", "seen", "counts", "blocks", "since")
K, PANES = 5, 8


def outcomes(n: int, ratio: Floats) -> Floats:
    """Return P(x | n, ratio) for x = 0..n, (R, n + 1)."""
    x = np.arange(n + 1)
    return np.asarray(special.binom(n, x) * ratio[:, None] ** x * (1 - ratio[:, None]) ** (n - x))


def expectations(sizes: tuple[int, int], alternative: tuple[float, float], d: float, c: Floats, b: Floats) -> Floats:
    """Return E[e] of one block for true ratios c, b (R,), the sum over all of its outcomes."""
    n_c, n_b = sizes
    counts = np.array([(n_c, x_c, n_b, x_b) for x_c in range(n_c + 1) for x_b in range(n_b + 1)], float)
    chosen_c, chosen_b = (np.full(len(counts), each) for each in alternative)
    e = np.exp(block.log_e(counts, chosen_c, chosen_b, np.array([d]))).reshape(n_c + 1, n_b + 1)
    assert np.isfinite(e).all()
    return np.asarray(((outcomes(n_c, c) @ e) * outcomes(n_b, b)).sum(axis=1))


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("d", DIFFERENCES)
def test_expectation_is_at_most_1_on_the_whole_null(d: float, sizes: tuple[int, int]) -> None:
    """For alternatives on either side of d, so for both directions; ratios on the line, inside, at the ends."""
    fine = np.unique([*np.linspace(0, 1, 41), *np.geomspace(1e-6, 0.1, 15), abs(d), 1 - abs(d)])
    c, b = (each.ravel() for each in np.meshgrid(fine, fine))
    line = fine[(fine + d >= 0) & (fine + d <= 1)]
    c, b = np.concatenate([c, line + d]), np.concatenate([b, line])
    largest = 0.0
    for alternative in itertools.product(RATIOS, RATIOS):
        worse = alternative[0] - alternative[1] > d
        null = c - b <= d + 1e-15 if worse else c - b >= d - 1e-15
        largest = max(largest, expectations(sizes, alternative, d, c[null], b[null]).max())
    assert 0.5 < largest <= 1 + 1e-9


@pytest.mark.parametrize("difference", [-0.05, 0.0, 0.05])
def test_expectation_of_the_whole_process_is_at_most_1(difference: float) -> None:
    """Every history of four blocks is a process of its own; rates move together from block to block."""
    sizes, baseline = [(1, 2), (2, 1), (1, 1), (2, 2)], [0.05, 0.4, 0.06, 0.9]
    each = [list(itertools.product(range(n_c + 1), range(n_b + 1))) for n_c, n_b in sizes]
    histories = np.array(list(itertools.product(*each)))
    processes = EProcesses(tolerance=difference, margin=0.013)
    processes.grow(len(histories))
    chance = np.ones(len(histories))
    for pane, ((n_c, n_b), b) in enumerate(zip(sizes, baseline, strict=True)):
        x_c, x_b = histories[:, pane].T
        chance *= outcomes(n_c, np.array([b + difference]))[0][x_c] * outcomes(n_b, np.array([b]))[0][x_b]
        size = np.ones_like(x_c)
        processes.step(pane, np.arange(len(histories)), n_c * size, x_c, n_b * size, x_b)
        e = np.exp(processes.log_m) + 1 / (pane + 2)
        # A history counts as often as it can go on.
        expected = np.tensordot(chance / chance.sum(), e, 1)  # (2, G)
        assert (expected[WORSE, processes.grid >= difference] <= 1 + 1e-9).all()
        assert (expected[NOT_WORSE, processes.grid <= difference] <= 1 + 1e-9).all()
    assert expected.max() > 1.01  # Nulls that are not true do pay.


def test_a_solver_that_stops_early_stays_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "STEPS", 1)
    monkeypatch.setattr(block, "LACK_MAX", 10.0)
    for d in (-0.05, 0.1):
        test_expectation_is_at_most_1_on_the_whole_null(d, (25, 25))


def test_a_bet_on_the_truth_pays() -> None:
    """Else an e-variable that is always 1 would pass."""
    paid = expectations((10, 90), (0.2, 0.05), 0.0, np.array([0.2]), np.array([0.05]))
    assert paid[0] > 2


@given(
    st.tuples(*[st.integers(1, 10**7)] * 2),
    st.tuples(*[st.floats(1e-8, 1 - 1e-8)] * 2),
    st.one_of(st.sampled_from(DIFFERENCES), st.floats(-0.999, 0.999)),
)
def test_projection_is_on_the_line_and_within(n: tuple[int, int], alternative: tuple[float, float], d: float) -> None:
    """Strictly within, so that no outcome has no likelihood, however extreme the block and the alternative."""
    n_c, n_b, alt_c, alt_b, line = (np.array([float(each)]) for each in (*n, *alternative, d))
    null_c, null_b, lack = block.project(n_c, alt_c, n_b, alt_b, line)
    assert 0 < null_c[0] < 1
    assert 0 < null_b[0] < 1
    assert null_c[0] - null_b[0] == pytest.approx(d, abs=1e-15)
    assert lack[0] >= 0


def blocks(seed: int) -> list[tuple[int, Ints, Ints]]:
    """Panes as (pane, which, counts): some processes have no block in a pane, some an empty arm, some nothing bad."""
    random = np.random.default_rng(seed)
    panes = []
    for pane in range(100, 100 + PANES):
        which = random.permutation(K)[: random.integers(0, K + 1)]
        n = random.poisson(random.choice([0.5, 5, 500]), (len(which), 2))
        x = random.binomial(n, random.choice([0, 0.01, 0.3, 1]))
        panes.append((pane, which, np.stack((n, x), axis=2).reshape(-1, 4)))
    return panes


def stepped(processes: EProcesses, panes: list[tuple[int, Ints, Ints]]) -> EProcesses:
    for pane, which, counts in panes:
        processes.step(pane, which, *counts.T)
    return processes


def fresh(size: int = K) -> EProcesses:
    processes = EProcesses(tolerance=0.002, margin=0.013)
    processes.grow(size)
    return processes


def assert_same(one: EProcesses, other: EProcesses) -> None:
    """To the last bit."""
    for name in ARRAYS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


seeds = st.integers(0, 10**6)


@given(seeds)
def test_rows_may_be_split_and_ordered_anyhow(seed: int) -> None:
    panes = blocks(seed)
    random = np.random.default_rng(seed)
    split = []
    for pane, which, counts in panes:
        order = random.permutation(len(which))
        cut = len(which) // 2
        split += [(pane, which[rows], counts[rows]) for rows in (order[:cut], order[cut:])]
    assert_same(stepped(fresh(), panes), stepped(fresh(), split))


@given(seeds, st.integers(0, PANES))
def test_a_pickled_copy_goes_on_the_same(seed: int, at: int) -> None:
    panes = blocks(seed)
    first = stepped(fresh(), panes[:at])
    copy = pickle.loads(pickle.dumps(first))  # noqa: S301 - our own bytes.
    assert_same(stepped(copy, panes[at:]), stepped(fresh(), panes))


@given(seeds, st.integers(0, PANES))
def test_growing_and_leaving_out_change_nothing_of_the_others(seed: int, at: int) -> None:
    panes = blocks(seed)
    kept = np.array([3, 0, 4])
    place = {old: new for new, old in enumerate(kept.tolist())}
    whole = stepped(fresh(), panes)
    whole.only(kept)

    some = stepped(fresh(), panes[:at])
    some.only(kept)
    some.grow(3)
    for pane, which, counts in panes[at:]:
        rows = np.array([row for row, old in enumerate(which.tolist()) if old in place], np.int64)
        some.step(pane, np.array([place[old] for old in which[rows].tolist()], np.int64), *counts[rows].T)
    assert_same(some, whole)
    some.grow(5)
    assert some.size == 5
    assert some.log_e()[3:].tolist() == [0, 0]


@given(seeds)
def test_a_block_with_an_empty_arm_changes_nothing(seed: int) -> None:
    panes = blocks(seed)
    with_quiet = []
    for pane, which, counts in panes:
        absent = np.setdiff1d(np.arange(K), which)
        one_arm = np.array([[7, 3, 0, 0], [0, 0, 9, 1], [0, 0, 0, 0]])[absent % 3].reshape(-1, 4)
        with_quiet.append((pane, np.concatenate([which, absent]), np.vstack([counts, one_arm])))
    assert_same(stepped(fresh(), panes), stepped(fresh(), with_quiet))


@given(seeds)
def test_peaks_never_fall_and_bounds_follow_them(seed: int) -> None:
    processes, before = fresh(), np.zeros(K)
    for each in blocks(seed):
        stepped(processes, [each])
        assert (processes.log_e_peak >= np.maximum(before, processes.log_e())).all()
        before = processes.log_e_peak.copy()
        lower, upper = processes.bounds(0.05)
        not_worse = processes.peaks[:, NOT_WORSE, processes.at_margin]
        assert ((lower >= processes.tolerance) <= (before >= np.log(20))).all()
        assert ((upper <= processes.margin) <= (not_worse >= np.log(20))).all()


@pytest.mark.parametrize("tolerance", [0.0, -0.3, 0.999, -0.999, 1e-9])
def test_extreme_counts_are_only_counts(tolerance: float) -> None:
    """Blocks of 1 to ten thousand million events, with all, none or hardly any bad; a warning would be an error."""
    random = np.random.default_rng(1)
    processes = EProcesses(tolerance, 0.01)
    processes.grow(40)
    for pane in range(60):
        n = (10 ** random.uniform(0, 10, (40, 2))).astype(np.int64)
        x = random.binomial(n, random.choice([0, 1, 1e-9, 0.5, 1 - 1e-9, 0.01], n.shape))
        processes.step(pane, np.arange(40), n[:, 0], x[:, 0], n[:, 1], x[:, 1])
    assert np.isfinite(processes.peaks).all()
    assert not np.isnan(processes.log_m).any()
    assert (processes.log_m < np.inf).all()


def test_damage_is_dated_to_its_first_panes() -> None:
    processes = fresh(1)
    for pane in range(1_000, 1_300):
        processes.step(pane, np.array([0]), *np.array([[20, 10 if pane >= 1_200 else pane % 2, 180, 5]]).T)
    assert processes.log_e_peak[0] > np.log(20)
    assert 1_200 <= processes.since[0] <= 1_202


def test_the_grid_holds_what_is_asked_for() -> None:
    grid = fresh().grid
    assert {0.0, 0.002, 0.013} <= set(grid.tolist())
    assert (np.diff(grid) > 0).all()
    assert abs(grid).max() < 1


@pytest.mark.parametrize("wrong", [(1.0, 0.01, 60), (0.0, 0.0, 60), (0.0, 0.01, 0), (float("nan"), 0.01, 60)])
def test_impossible_settings_are_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        EProcesses(*wrong)
