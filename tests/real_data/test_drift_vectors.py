"""Worked cases of other projects for PSI, Jensen-Shannon, Hellinger and the detectors, in our convention.

They smooth differently or not at all, so counts are multiplied until our half a count no longer shows. Bins, edges
and floors are made as each case says.
"""

from typing import Any

import numpy as np
import pytest

from operators.drift.detectors.adwin import AdwinDetector
from operators.drift.detectors.page_hinkley import PageHinkleyDetector
from operators.stats.divergence import Counts, hellinger, jensen_shannon, kl, psi
from tests.real_data.data import read_json
from tests.real_data.drifting import raw_alarms

pytestmark = pytest.mark.real_data

MANY = 10.0**9


def case(name: str) -> Any:
    (found,) = [vector for vector in read_json("stats_vectors.json") if vector["id"] == name]
    return found


def evidently_shares(values: list[int], floor: float) -> Counts:
    shares = np.array([values.count(value) / len(values) for value in (1, 2, 3)])
    return np.where(shares == 0, floor, shares) * MANY


def test_psi_of_evidently() -> None:
    vector = case("evid_psi_3bins")
    current, reference = (evidently_shares(vector["input"][side], 0.0001) for side in ("current", "reference"))
    assert psi(current, reference) == pytest.approx(vector["expected"]["psi"], abs=vector["tolerance"])
    assert kl(current, reference) + kl(reference, current) == pytest.approx(float(psi(current, reference)))


def test_hellinger_of_evidently() -> None:
    vector = case("evid_hellinger_chi2")
    current, reference = (np.array(vector["input"][side]["counts"]) * MANY for side in ("current", "reference"))
    expected = vector["expected"]["hellinger"]
    assert hellinger(current, reference) == pytest.approx(expected, abs=vector["tolerance"])


def test_jensen_shannon_and_hellinger_of_nannyml() -> None:
    """Theirs is the root, to base 2."""
    vector = case("nml_js_hell_categorical")
    current, reference = (
        np.array(list(vector["input"][f"{side}_counts"].values())) for side in ("current", "reference")
    )
    for scale in (1, MANY):
        root = np.sqrt(jensen_shannon(current * scale, reference * scale) / np.log(2))
        assert root == pytest.approx(vector["expected"]["js"], abs=vector["tolerance"])
    distance = hellinger(current * MANY, reference * MANY)
    assert distance == pytest.approx(vector["expected"]["hellinger"], abs=vector["tolerance"])


def test_psi_and_hellinger_of_frouros() -> None:
    vector = case("frouros_univariate_same")
    sides = [np.array(vector["input"][side]) for side in ("current", "reference")]
    edges = np.linspace(min(map(np.min, sides)), max(map(np.max, sides)), 11)
    current, reference = (np.histogram(side, edges)[0] for side in sides)
    expected, tolerance = vector["expected"], vector["tolerance"]
    assert psi(current * MANY, reference * MANY) == pytest.approx(expected["psi"], abs=tolerance)
    assert hellinger(current * MANY, reference * MANY) == pytest.approx(expected["hellinger"], abs=tolerance)
    # With the half added, as a window of 500 gets it.
    assert psi(current, reference) == pytest.approx(expected["psi"], abs=0.002)


def test_the_stream_of_scikit_multiflow() -> None:
    stream = case("adwin_skmf_stream")
    values = [float(x) for x in stream["input"]["stream"]]
    assert raw_alarms(AdwinDetector(0.002, clock=32), values) == stream["expected"]["river 0.26.1"]
    hinkley = case("ph_skmf_stream")["expected"]["river 0.26.1"]
    assert raw_alarms(PageHinkleyDetector(0.005, 50.0, alpha=0.9999), values) == hinkley
    # With our own settings as well: found, and none before.
    (found,) = raw_alarms(AdwinDetector(), values)
    assert 1_000 <= found <= 1_100
