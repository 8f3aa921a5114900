"""The model that the demo serves: a real classifier, and a release of it whose input is wrong in one region.

The task is river's data set Phishing: does a web page try to steal passwords? 1,250 pages, nine features between
0 and 1. A logistic regression learns from the first 700 and is then frozen; requests carry the other 550.

The defect of v2 is one that does happen: the same model, but a new upstream system delivers one feature as 0-100
instead of 0-1, in one region. `https` has the second heaviest weight of the nine, and is above 0 on three pages of
four. On the 550 pages the share of right answers falls from 90 % to 72 %, because v2 still knows the honest pages
and no longer finds half of the others. The heaviest, `empty_server_form_handler`, would only lower it to 80 %.
"""

from collections.abc import Sequence
from time import perf_counter_ns
from typing import Any, NamedTuple

from river.datasets import Phishing
from river.linear_model import LogisticRegression
from river.preprocessing import StandardScaler

MODEL = "phishing"
BASELINE, CANDIDATE = "v1", "v2"
PAGES_TRAINED = 700
DEFECT_REGION = "eu"
DEFECT_FEATURE = "https"
DEFECT_FACTOR = 100.0

Features = dict[str, float]  # river asks for a dict.


class Page(NamedTuple):
    """One row of the data set; `label` is the truth, in the words of the predictions."""

    features: Features
    label: str


class Answer(NamedTuple):
    """`score` is the model's own confidence in its prediction; `latency_ms` was measured around the call."""

    prediction: str
    score: float
    latency_ms: float


def pages() -> tuple[list[Page], list[Page]]:
    """Return the pages to learn from and the pages to be asked about, in the order of the data set."""
    known = [Page({name: float(value) for name, value in x.items()}, _name(y)) for x, y in Phishing()]
    return known[:PAGES_TRAINED], known[PAGES_TRAINED:]


def _name(phishing: bool) -> str:
    return "phishing" if phishing else "legitimate"


class Classifier:
    """Standard scaling and a logistic regression, trained in one pass, then never changed."""

    def __init__(self, trained_on: Sequence[Page]) -> None:
        self._pipeline: Any = StandardScaler() | LogisticRegression()
        for page in trained_on:
            self._pipeline.learn_one(page.features, page.label == _name(True))

    @property
    def weights(self) -> Features:
        """The weight of each scaled feature."""
        return dict(self._pipeline["LogisticRegression"].weights)

    def answer(self, features: Features) -> Answer:
        began = perf_counter_ns()
        shares = self._pipeline.predict_proba_one(features)
        took_ns = perf_counter_ns() - began
        phishing = shares[True] > shares[False]
        return Answer(_name(phishing), shares[phishing], took_ns / 1e6)


def received(features: Features, version: str, region: str) -> Features:
    """Return the features as they reach a version: the candidate's upstream system spoils one of them in one region."""
    if version == CANDIDATE and region == DEFECT_REGION:
        return {**features, DEFECT_FEATURE: features[DEFECT_FEATURE] * DEFECT_FACTOR}
    return features
