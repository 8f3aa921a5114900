"""An e-variable has an expectation of at most 1 on the whole null, by enumeration; a process is its own blocks only."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from operators.arrays import Floats, Ints
from operators.stats.e_process import AT_ONCE, CAP_POWER, EProcesses
from operators.stats.hypergeometric import SPLITS_MAX, growth, log_likelihoods, mean_split
from operators.stats.log_e import LOG_E_MAX, NOT_WORSE, WORSE, log_e_each_way
from tests.saving import again

ARRAYS = ("log_m", "peaks", "log_learned", "weighted", "counts", "blocks", "since")
K, PANES, CAP = 5, 8, 3.0
SIZES = [(1, 1), (1, 9), (3, 3), (9, 1), (2, 30), (12, 4)]


def outcomes(n: int, ratio: float) -> Floats:
    """Return P(x | n, ratio) for x = 0..n, (n + 1,)."""
    x = np.arange(n + 1)
    return np.asarray(special.binom(n, x) * ratio**x * (1 - ratio) ** (n - x))


def at_odds(ratio: float, times: float) -> float:
    odds = times * ratio / (1 - ratio)
    return odds / (1 + odds)


@pytest.mark.parametrize("cap", [math.inf, CAP])
@pytest.mark.parametrize("sizes", SIZES)
def test_expectation_is_at_most_1_on_the_whole_null(sizes: tuple[int, int], cap: float) -> None:
    """For alternatives on either side of the null, at any rate of the baseline; 1 at the null, where none is capped."""
    n_c, n_b = sizes
    counts = np.array([(n_c, x_c, n_b, x_b) for x_c in range(n_c + 1) for x_b in range(n_b + 1)])
    ratios = [0.2, 0.5, 1.0, 1.5, 4.0]
    likelihoods = log_likelihoods(counts, np.log(ratios))
    for null, bet in itertools.permutations(range(len(ratios)), 2):
        e = np.minimum(np.exp(likelihoods[:, bet] - likelihoods[:, null]), cap).reshape(n_c + 1, n_b + 1)
        side = 1 if bet > null else -1
        for times, b in itertools.product((1.0, 0.9, 0.3), (0.001, 0.05, 0.4, 0.95)):
            c = at_odds(b, ratios[null] * times**side)
            expected = outcomes(n_c, c) @ e @ outcomes(n_b, b)
            assert expected <= 1 + 1e-9
            if times == 1 and cap == math.inf:
                assert expected == pytest.approx(1)


def test_a_bet_on_the_truth_pays() -> None:
    """Else an e-variable that is always 1 would pass."""
    counts = np.array([(10, x_c, 90, x_b) for x_c in range(11) for x_b in range(91)])
    log_e = np.diff(log_likelihoods(counts, np.log([1.0, 4.75])), axis=1)
    e = np.exp(log_e).reshape(11, 91)
    assert outcomes(10, 0.2) @ e @ outcomes(90, 0.05) > 2


@pytest.mark.parametrize("tolerance", [1.0, 1.6])
def test_expectation_of_the_whole_process_is_at_most_1(tolerance: float) -> None:
    """Every history of four blocks, the first of two strata, is a process of its own; rates move between them."""
    sizes, baseline = [(1, 2), (2, 1), (1, 1), (2, 2), (1, 2)], [0.05, 0.4, 0.06, 0.9, 0.2]
    each = [list(itertools.product(range(n_c + 1), range(n_b + 1))) for n_c, n_b in sizes]
    histories = np.array(list(itertools.product(*each)))
    processes = EProcesses(tolerance, 2.0, cap=CAP)
    processes.grow(len(histories))
    chance = np.ones(len(histories))
    which = np.arange(len(histories))
    counts = []
    for (n_c, n_b), b, x in zip(sizes, baseline, np.moveaxis(histories, 1, 0), strict=True):
        chance *= outcomes(n_c, at_odds(b, tolerance))[x[:, 0]] * outcomes(n_b, b)[x[:, 1]]
        size = np.ones_like(which)
        counts.append(np.column_stack((n_c * size, x[:, 0], n_b * size, x[:, 1])))
    processes.step(0, np.repeat(which, 2), np.stack(counts[:2], axis=1).reshape(-1, 4))
    for pane, block in enumerate(counts[2:], 1):
        processes.step(pane, which, block)
    assert chance @ np.exp(processes.log_e()) <= 1 + 1e-9
    e = np.exp(processes.log_m) + 1 / (processes.blocks[0] + 1)
    expected = np.tensordot(chance, e, 1)  # By null and alternative.
    null, bet = np.indices(expected.shape)
    true_null = (null >= processes.at_tolerance) & (bet > null) | (null <= processes.at_tolerance) & (bet < null)
    assert (expected[true_null] <= 1 + 1e-9).all()
    assert np.exp(processes.log_e_peak).max() > 1.2


@given(
    st.tuples(*[st.integers(1, 400)] * 2),
    st.tuples(*[st.floats(0, 1)] * 2),
    st.floats(-3, 3),
)
def test_likelihoods_are_what_whole_numbers_say(
    n: tuple[int, int], shares: tuple[float, float], log_psi: float
) -> None:
    """SciPy's own distribution ends the process where a sum of splits is too small for it."""
    (n_c, n_b), (x_c, x_b) = n, (round(size * share) for size, share in zip(n, shares, strict=True))
    found = log_likelihoods(np.array([[n_c, x_c, n_b, x_b]]), np.array([log_psi]))[0, 0]
    psi, one = math.exp(log_psi).as_integer_ratio()
    bad = x_c + x_b
    ways = {
        split: math.comb(n_c, split) * math.comb(n_b, bad - split) * psi**split * one ** (bad - split)
        for split in range(max(bad - n_b, 0), min(n_c, bad) + 1)
    }
    assert found == pytest.approx(math.log(ways[x_c]) - math.log(sum(ways.values())), abs=1e-8, rel=1e-8)


@pytest.mark.parametrize("counts", [(900, 450, 9_000, 300), (100_000, 30, 900_000, 500), (500, 499, 600, 450)])
def test_many_splits_are_summed_as_few_are(counts: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    block, log_psi = np.array([counts]), np.log([0.1, 1.0, 1.3, 20.0])
    assert min(counts[0], counts[1] + counts[3]) > SPLITS_MAX
    likely = log_likelihoods(block, log_psi)
    monkeypatch.setattr("operators.stats.hypergeometric.SPLITS_MAX", 10**6)
    assert likely == pytest.approx(log_likelihoods(block, log_psi), abs=1e-9)


def test_a_mean_split_and_growth_are_about_right() -> None:
    n_c, n_b, bad = np.array(100.0), np.array(900.0), np.array(50.0)
    for psi in (0.3, 1.0, 2.0, 5.0):
        exact = stats.nchypergeom_fisher(1_000, 100, 50, psi)
        assert mean_split(n_c, n_b, bad, np.array(psi)) == pytest.approx(exact.mean(), rel=0.01)
        x = np.arange(51)
        gain = exact.logpmf(x) - stats.nchypergeom_fisher(1_000, 100, 50, 1.2).logpmf(x)
        assert growth(n_c, n_b, bad, np.array(psi), np.array(1.2)) == pytest.approx(exact.pmf(x) @ gain, rel=0.02)


def blocks(seed: int) -> list[tuple[int, Ints, Ints]]:
    """Panes as (pane, which, counts): some processes have no block in a pane, some strata an empty arm."""
    random = np.random.default_rng(seed)
    panes = []
    for pane in range(100, 100 + PANES):
        which = np.sort(random.integers(0, K, random.integers(0, 2 * K)))
        n = random.poisson(random.choice([0.5, 5, 500]), (len(which), 2))
        x = random.binomial(n, random.choice([0, 0.01, 0.3, 1]))
        panes.append((pane, which, np.stack((n, x), axis=2).reshape(-1, 4)))
    return panes


def stepped(processes: EProcesses, panes: list[tuple[int, Ints, Ints]]) -> EProcesses:
    for pane, which, counts in panes:
        processes.step(pane, which, counts)
    return processes


def fresh(size: int = K) -> EProcesses:
    processes = EProcesses(1.1, 1.5, 3.0, cap=CAP)
    processes.grow(size)
    return processes


def assert_same(one: EProcesses, other: EProcesses) -> None:
    """To the last bit."""
    for name in ARRAYS:
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


seeds = st.integers(0, 10**6)


@given(seeds)
def test_processes_may_be_split_anyhow(seed: int) -> None:
    panes = blocks(seed)
    cut = seed % (K + 1)
    split = [(pane, which[rows], counts[rows]) for pane, which, counts in panes for rows in (which < cut, which >= cut)]
    assert_same(stepped(fresh(), panes), stepped(fresh(), split))


def test_processes_that_are_too_many_for_one_go_come_to_the_same_as_few() -> None:
    random, size = np.random.default_rng(9), 2 * AT_ONCE + 3
    which = np.sort(random.integers(0, size, 3 * size))
    n = random.poisson(30, (len(which), 2))
    counts = np.stack((n, random.binomial(n, 0.2)), axis=2).reshape(-1, 4)
    few = fresh(size)
    for start in range(0, size, 50):
        rows = (which >= start) & (which < start + 50)
        few.step(7, which[rows], counts[rows])
    assert_same(stepped(fresh(size), [(7, which, counts)]), few)


def test_evidence_against_one_margin_is_what_all_margins_have_there() -> None:
    processes = stepped(fresh(), blocks(3))
    for margin in (1.5, 3.0):
        column = int(np.searchsorted(processes.grid, margin))
        every = log_e_each_way(processes.log_m, processes.blocks)[:, NOT_WORSE, column]
        assert processes.log_e_not_worse(margin) == pytest.approx(every, abs=1e-12)
        above = np.exp(processes.log_m[:, column, column + 1 :]).mean(axis=1) + 1 / (processes.blocks + 1)
        worse = log_e_each_way(processes.log_m, processes.blocks)[:, WORSE, column]
        assert worse == pytest.approx(np.log(above), abs=1e-12)


def test_evidence_beyond_all_alphas_counts_as_the_most() -> None:
    """Also where there is no cap: a sum of what is e^ of it would be infinite."""
    processes = EProcesses(1.0, 1.5)
    processes.grow(1)
    for pane in range(9):
        processes.step(pane, np.array([0]), np.array([[9_000, 8_000, 9_000, 100]]))
    assert (processes.log_m > LOG_E_MAX).any()
    assert processes.peaks.max() == pytest.approx(LOG_E_MAX, abs=math.log(len(processes.grid)))
    assert processes.bounds(1e-300)[0] > 1


def test_a_block_of_many_processes_is_to_each_what_it_is_alone() -> None:
    """Of the learned alternatives too, which follow from earlier blocks of each."""
    counts = np.array([[30, 3, 90, 5], [20, 4, 70, 2], [30, 3, 90, 5]])
    together, alone = fresh(3), fresh(3)
    for pane, which in enumerate((np.array([0, 1, 2]), np.array([0, 0, 2]), np.array([1, 2, 2]))):
        together.step(pane, which, counts)
        for process in range(3):
            alone.step(pane, which[which == process], counts[which == process])
    assert_same(together, alone)


@given(seeds, st.integers(0, PANES))
def test_a_saved_copy_goes_on_the_same(seed: int, at: int) -> None:
    panes = blocks(seed)
    first = stepped(fresh(), panes[:at])
    copy = again(first)
    assert_same(stepped(copy, panes[at:]), stepped(fresh(), panes))


@given(seeds, st.integers(0, PANES))
def test_growing_and_leaving_out_change_nothing_of_the_others(seed: int, at: int) -> None:
    panes = blocks(seed)
    kept = np.array([0, 3, 4])
    whole = stepped(fresh(), panes)
    whole.only(kept)
    some = stepped(fresh(), panes[:at])
    some.only(kept)
    some.grow(3)
    for pane, which, counts in panes[at:]:
        rows = np.isin(which, kept)
        some.step(pane, np.searchsorted(kept, which[rows]), counts[rows])
    assert_same(some, whole)
    some.grow(5)
    assert some.size == 5
    assert some.log_e()[3:].tolist() == [0, 0]


@given(seeds)
def test_a_stratum_with_an_empty_arm_changes_nothing(seed: int) -> None:
    panes = blocks(seed)
    one_arm = np.array([[7, 3, 0, 0], [0, 0, 9, 1], [0, 0, 0, 0]])[np.arange(K) % 3]
    more = []
    for pane, which, counts in panes:
        order = np.argsort(np.append(which, np.arange(K)), kind="stable")
        more.append((pane, np.append(which, np.arange(K))[order], np.vstack((counts, one_arm))[order]))
    assert_same(stepped(fresh(), panes), stepped(fresh(), more))


@given(seeds)
def test_no_block_counts_for_more_than_the_cap(seed: int) -> None:
    processes = fresh()
    before = processes.log_e()
    for each in blocks(seed):
        stepped(processes, [each])
        assert (processes.log_e() <= np.logaddexp(before, 0) + math.log(CAP)).all()
        before = processes.log_e()


def test_an_alternative_that_hardly_differs_gains_less_than_the_cap_in_a_burst() -> None:
    """Else it would keep what each burst gave, as quiet blocks cost it next to nothing."""
    processes = fresh()
    stepped(processes, [(0, np.arange(K), np.array([[100, 60, 900, 10]] * K))])
    at = int(np.searchsorted(processes.grid, 1.3))
    gained = processes.log_m[:, processes.at_tolerance, at] + math.log(2)  # Of the first block, whose weight is 1/2.
    assert gained == pytest.approx(CAP_POWER * math.log(1.3 / processes.tolerance))
    assert gained[0] < math.log(CAP)


@given(seeds)
def test_peaks_never_fall_and_bounds_follow_them(seed: int) -> None:
    processes, before = fresh(), np.zeros(K)
    at_margin = int(np.searchsorted(processes.grid, processes.margin))
    for each in blocks(seed):
        stepped(processes, [each])
        assert (processes.log_e_peak >= np.maximum(before, processes.log_e())).all()
        before = processes.log_e_peak.copy()
        lower, upper = processes.bounds(0.05)
        not_worse = processes.peaks[:, NOT_WORSE, at_margin]
        assert ((before >= np.log(20)) <= (lower >= processes.tolerance)).all()
        assert ((upper <= processes.margin) <= (not_worse >= np.log(20))).all()
        assert (processes.peaks[:, WORSE, -1] == 0).all()  # Nothing larger to bet on.


@pytest.mark.parametrize("tolerance", [1.0, 1.5, 30.0])
def test_extreme_counts_are_only_counts(tolerance: float) -> None:
    """Blocks of 1 to ten thousand million events, with all, none or hardly any bad; a warning would be an error."""
    random = np.random.default_rng(1)
    processes = EProcesses(tolerance, 40.0)
    processes.grow(10)
    for pane in range(20):
        n = (10 ** random.uniform(0, 10, (10, 2))).astype(np.int64)
        x = random.binomial(n, random.choice([0, 1, 1e-9, 0.5, 1 - 1e-9, 0.01], n.shape))
        processes.step(pane, np.arange(10), np.column_stack((n[:, 0], x[:, 0], n[:, 1], x[:, 1])))
    assert np.isfinite(processes.peaks).all()
    assert not np.isnan(processes.log_m).any()
    assert (processes.log_m < np.inf).all()


def test_damage_is_dated_to_its_first_panes() -> None:
    processes = EProcesses(1.0, 1.5)
    processes.grow(1)
    for pane in range(1_000, 1_300):
        processes.step(pane, np.array([0]), np.array([[20, 10 if pane >= 1_200 else pane % 2, 180, 5]]))
    assert processes.log_e_peak[0] > np.log(20)
    assert 1_200 <= processes.since[0] <= 1_202


def test_the_grid_holds_what_is_asked_for() -> None:
    grid = EProcesses(1.05, 1.4, 4.0).grid
    assert {1.0, 1.05, 1.4, 4.0} <= set(grid.tolist())
    assert (np.diff(grid) > 0).all()


@pytest.mark.parametrize("wrong", [(0.9, 1.5, 3.0), (1.5, 1.5, 3.0), (1.0, 1.5, 1.0), (math.nan, 1.5, 3.0)])
def test_impossible_settings_are_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        EProcesses(*wrong[:2], cap=wrong[2])
