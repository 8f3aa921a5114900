"""How many answers are right, estimated before labels come: confidence-based performance estimation (CBPE).

Of answers whose score lies in cell c a share p(c) was right, by the labels so far. So of n(c) answers in each cell, sum
n(c) p(c) are expected to be right. p(c) is drawn towards the share of its bin with the weight of one label, and that
share towards the share of all labels. Source: NannyML, "Estimation of performance of the monitored model:
confidence-based performance estimation", documentation of version 0.10; there scores are calibrated by isotonic
regression.

The interval is for the share of right answers among these very answers, as labels would show it: p(c) is known only
from a number of labels, and answers are right or wrong by chance. Of each cell p(c) is only known to lie in its exact
interval, which is wide for few labels; the distances to its ends add up as errors do (G. Y. Zou, A. Donner,
"Construction of confidence limits about effect measures: a general approach", Statistics in Medicine 27 (2008),
1693-1702). Answers in cells without any label may all be right or all wrong.

It sees only what the model says about itself. If answers of the same score are less often right than before (concept
drift, P(Y | X) changes), nothing of that shows until labels come. Labels that contradict the estimate open its bounds.
"""

from statistics import NormalDist

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.stats.binomial import interval
from operators.stats.calibration import BINS, CELLS


class Estimated(msgspec.Struct, frozen=True, kw_only=True):
    """For K series: the expected share of right answers, (K,), its bounds, and the share of right labels so far.

    NaN without labels or without answers.
    """

    accuracy: Floats
    lower: Floats
    upper: Floats
    labelled: Floats


def shares_right(labels: Ints) -> Floats:
    """Return the share p(c) of right answers in each cell, (K, CELLS), from wrong and right labels (K, 2 * CELLS).

    >>> labels = np.zeros((1, 2 * CELLS), np.int64)
    >>> labels[0, 45], labels[0, CELLS + 45] = 10, 90  # Of 100 answers with a score of 0.91, 90 were right.
    >>> shares_right(labels)[0, [45, 46, 5]].round(2)
    array([0.9, 0.9, 0.9])
    """
    wrong, right = np.split(labels, 2, axis=1)
    n = wrong + right
    whole = (right.sum(axis=1) + 0.5) / (n.sum(axis=1) + 1.0)
    bins_n, bins_right = (each.reshape(-1, BINS, CELLS // BINS).sum(axis=2) for each in (n, right))
    of_bins = (bins_right + whole[:, None]) / (bins_n + 1.0)
    return np.asarray((right + np.repeat(of_bins, CELLS // BINS, axis=1)) / (n + 1.0))


def estimate(answers: Ints, labels: Ints, confidence: float, designs: Floats) -> Estimated:
    """Estimate from `labels` (K, 2 * CELLS) how many of `answers` (K, CELLS), counted by cells of scores, are right.

    The bounds hold with chance `confidence`; `designs` (K,): how many answers are worth one that is independent of all
    others.
    """
    wrong, right = np.split(labels, 2, axis=1)
    n, total = wrong + right, answers.sum(axis=1)
    p = shares_right(labels)
    weight = answers / np.maximum(total, 1)[:, None]
    accuracy = (weight * p).sum(axis=1)
    least, most = _intervals(right, n, 1.0 - confidence)
    # Where all labels of a cell are right, an answer may still be wrong.
    middle = (least + most) / 2.0
    z = NormalDist().inv_cdf((1.0 + confidence) / 2.0)
    by_chance = z**2 * designs * (weight * middle * (1.0 - middle)).sum(axis=1) / np.maximum(total, 1)
    known = np.where(n > 0, weight, 0.0)
    # Errors in one cell are skewed, those of many cells together are not: no end is nearer than a normal error's.
    normal = z * np.sqrt(p * (1.0 - p) / np.maximum(n, 1))
    below, above = (
        np.sqrt(by_chance + ((known * np.maximum(off, normal)) ** 2).sum(axis=1)) for off in (p - least, most - p)
    )
    unknown = weight - known
    nothing = (total == 0) | (n.sum(axis=1) == 0)
    bounds = (
        accuracy - below - (unknown * p).sum(axis=1),
        accuracy + above + (unknown * (1.0 - p)).sum(axis=1),
    )
    accuracy, lower, upper = (np.where(nothing, np.nan, each.clip(0.0, 1.0)) for each in (accuracy, *bounds))
    labelled = right.sum(axis=1) / np.maximum(n.sum(axis=1), 1)
    return Estimated(accuracy=accuracy, lower=lower, upper=upper, labelled=np.where(n.any(axis=1), labelled, np.nan))


def _intervals(right: Ints, n: Ints, alpha: float) -> tuple[Floats, Floats]:
    """Return `interval` for counts of any shape, most of which are the same few."""
    pairs, place = np.unique(np.stack([right.ravel(), n.ravel()]), axis=1, return_inverse=True)
    low, high = interval(pairs[0], pairs[1], alpha)
    return low[place.ravel()].reshape(n.shape), high[place.ravel()].reshape(n.shape)


def contradicted(found: Estimated, came: Ints, labels: Ints, confidence: float) -> Estimated:
    """Drop the lower bound where the labels that `came` (K, 2 * CELLS) are surely worse than estimated.

    Drop the upper one where they are surely better. `labels` are those before. Few labels are further off by chance
    than a normal distribution allows for, so their own exact bounds must agree.

    >>> labels = np.zeros((1, 2 * CELLS), np.int64)
    >>> labels[0, 45], labels[0, CELLS + 45] = 100, 900
    >>> found = estimate(labels[:, CELLS:], labels, 0.99, np.ones(1))
    >>> turned = np.roll(labels, CELLS, axis=1)  # Nine in ten are wrong now.
    >>> [bool(contradicted(found, came, labels, 0.99).lower[0] > 0.8) for came in (labels, turned)]
    [True, False]
    """
    wrong, right = np.split(came, 2, axis=1)
    due = estimate(wrong + right, labels, confidence, np.ones(len(came)))
    hits, n = right.sum(axis=1), came.sum(axis=1)
    share = hits / np.maximum(n, 1)
    least, most = interval(hits, n, 1.0 - confidence)
    return msgspec.structs.replace(
        found,
        lower=np.where((share < due.lower) & (most < due.accuracy), 0.0, found.lower),
        upper=np.where((share > due.upper) & (least > due.accuracy), 1.0, found.upper),
    )
