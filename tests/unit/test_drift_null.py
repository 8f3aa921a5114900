"""A week in which nothing changes: the monitors alarm at most as often as `false_alarms` says beforehand."""

import os

import numpy as np
import pytest

from operators.arrays import Floats
from operators.drift.contract import expectations, findings
from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.drift.detectors.standard import Standardiser
from operators.drift.false_alarms import of_adwin, of_contract, of_page_hinkley, of_shifts
from operators.drift.summary import summary_of
from operators.profiles.build import build
from operators.stats.psi import ALPHA, shift

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
HOUR_MS, PANE_MS = 3_600_000, 10_000
HOURS = 168 if PROVE else 12
FEATURES, SLICES = 200, 50
REFERENCE_ROWS = 20_000
# Rows of a slice and hour: some have plenty, most have few, a few are below what may be judged.
ROWS = np.maximum(5_000 // np.arange(1, SLICES + 1), 40) if PROVE else np.maximum(2_000 // np.arange(1, SLICES + 1), 40)


def first_rejected(p: Floats, alpha: float) -> int:
    """How many Benjamini and Hochberg reject, from their definition."""
    ordered = np.sort(p)
    below = np.flatnonzero(ordered <= alpha * np.arange(1, len(p) + 1) / len(p))
    return int(below[-1]) + 1 if len(below) else 0


def true_shares(rng: np.random.Generator) -> list[Floats]:
    """Quantile bins of numbers with some values missing, flags, and skewed categories, all in 14 places."""
    numbers = [np.r_[np.full(10, 0.999 / 10), 0.001, 0] for _ in range(120)]
    flags = [np.array([1 - share, share]) for share in rng.uniform(0.001, 0.3, 40)]
    categories = [rng.dirichlet(np.full(12, 0.5)) for _ in range(40)]
    return [np.pad(shares, (0, 14 - len(shares))) for shares in (*numbers, *flags, *categories)]


@pytest.mark.parametrize("psi_min", [0.2, 0.0])
def test_shifts_of_200_features_in_50_slices(psi_min: float) -> None:
    """The hardest case is without a smallest PSI: then chance alone is held back, by the p-values alone."""
    rng = np.random.default_rng(11)
    shares = true_shares(rng)
    assert len(shares) == FEATURES
    references = [rng.multinomial(REFERENCE_ROWS, share) for share in shares]
    alpha = ALPHA if psi_min else 0.05
    named = singly = 0
    for _ in range(HOURS):
        if not psi_min:
            # A frozen reference would make the hours depend on each other: lucky or unlucky for the whole week.
            references = [rng.multinomial(REFERENCE_ROWS, share) for share in shares]
        found = [
            shift(rng.multinomial(ROWS, share), reference, psi_min=psi_min)
            for share, reference in zip(shares, references, strict=True)
        ]
        named += first_rejected(np.concatenate([one.p for one in found]), alpha)
        singly += sum(int(one.alarm.sum()) for one in found)
    promised = of_shifts(alpha, HOUR_MS) * HOURS / 168
    # A count of rare events: three of its deviations above what is promised on the mean.
    assert named <= promised + 3 * promised**0.5
    assert singly <= 1.5 * ALPHA * FEATURES * SLICES * HOURS


def test_contracts_of_many_features() -> None:
    rng = np.random.default_rng(12)
    columns = {
        "normal": rng.normal(size=(2, 10_000)),
        "skewed": rng.lognormal(3, 1, size=(2, 10_000)),
        "share": rng.beta(0.5, 2, size=(2, 10_000)),
        "count": rng.poisson(0.3, size=(2, 10_000)).astype(float),
    }
    contract = expectations(build({name: values[0].tolist() for name, values in columns.items()}))
    found = 0
    windows = 100 if not PROVE else 2_000
    for name, expectation in contract.items():
        for _ in range(windows):
            rows = int(rng.integers(30, 1_000))
            window = rng.choice(columns[name][1], rows)
            found += len(list(findings(name, expectation, summary_of(expectation.reference, window.tolist()))))
    promised = of_contract(expectation.sigmas, HOUR_MS, len(contract)) * windows / 168
    assert found <= promised + 3 * promised**0.5


def test_detectors_of_many_series() -> None:
    # Many series for a short time: one with a badly learned scale alarms again and again.
    series, panes = (600, 6_000) if PROVE else (40, 5_000)
    rng = np.random.default_rng(13)
    found = np.zeros(2, int)
    for _ in range(series):
        standardiser, detectors = Standardiser(), (AdwinDetector(), PageHinkleyDetector())
        for x in rng.normal(3, 7, panes).tolist():
            for standard in standardiser.update(x):
                found += [detector.update(standard) is not None for detector in detectors]
    weeks = panes * PANE_MS / (7 * 86_400_000)
    promised = np.array([of_adwin(PANE_MS, series), of_page_hinkley(PANE_MS, series)]) * weeks
    assert (found <= promised + 3 * promised**0.5).all()
