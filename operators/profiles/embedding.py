"""Embeddings as clusters: centroids frozen in the reference, and how many vectors lie nearest to each.

Occupancy is a histogram, so drift of an embedding is PSI over clusters as over categories. k-means by
Lloyd's iteration (S. Lloyd, 1982, IEEE Trans. Inf. Theory 28, p. 129) from k-means++ seeds (D. Arthur, S.
Vassilvitskii, 2007, SODA, p. 1027). Assigning n vectors of d numbers to k centroids is one matrix product.
"""

import numpy as np

from operators.arrays import Floats, Ints
from operators.profiles.profile import Centroids
from operators.stats.magnitude import scaled

CLUSTERS = 16
ROUNDS_MAX = 50
GRID = 2.0**17  # Steps up to the largest number in a centre.
UNIT_MIN = np.finfo(float).tiny
REACH = 2.0**20  # Steps up to which vectors count; beyond eight times the centres nothing is near.


def fit(vectors: Floats, clusters: int = CLUSTERS, seed: int = 0) -> Centroids:
    """Return the centroids of vectors (n, d), at most `clusters`, the fullest first.

    The same vectors and seed give the same centroids. ValueError: no vectors, not finite, or clusters below 1.
    """
    if vectors.ndim != 2 or not len(vectors) or not np.isfinite(vectors).all() or clusters < 1:
        raise ValueError(f"need finite vectors (n, d) and clusters >= 1, got {vectors.shape} and {clusters!r}")
    vectors, exponent = scaled(vectors)
    centres = _seeds(vectors, clusters, np.random.default_rng(seed))
    of = nearest(centres, vectors)
    for _ in range(ROUNDS_MAX):
        # A cluster that has lost all its vectors is left out; seeds are distinct, so at least one stays.
        centres = np.stack([vectors[of == cluster].mean(axis=0) for cluster in np.unique(of)])
        before, of = of, nearest(centres, vectors)
        if np.array_equal(before, of):
            break
    counts = np.bincount(of, minlength=len(centres))
    order = np.argsort(-counts, kind="stable")
    centres = np.ldexp(centres[order], exponent)
    return Centroids(centres=tuple(map(tuple, centres.tolist())), counts=(*counts[order].tolist(), 0, 0))


def nearest(centres: Floats, vectors: Floats) -> Ints:
    """Return the index of the nearest of centres (k, d) for each of vectors (n, d): (n,).

    Computed on a grid on which every sum is exact (for d up to 16,384): a product of matrices adds in an order that
    depends on their shape, and the choice between two equally near centres must not depend on how many vectors come at
    once.
    """
    unit = (float(np.abs(centres).max()) or 1.0) / GRID or UNIT_MIN
    own = np.rint(centres / unit)
    with np.errstate(over="ignore"):
        others = np.rint(np.clip(vectors / unit, -REACH, REACH))
    # |v - c|^2 without |v|^2, which is the same for every c.
    return np.asarray(np.argmin((own**2).sum(axis=1) - 2 * others @ own.T, axis=1), np.int64)


def occupancy(centroids: Centroids, vectors: Floats, missing: int = 0, unseen: int = 0) -> Ints:
    """Return how many of vectors (n, d) lie nearest to each centroid, then missing and unseen: (k + 2,)."""
    k = len(centroids.centres)
    return np.append(np.bincount(nearest(centroids.matrix, vectors), minlength=k), (missing, unseen)).astype(np.int64)


def _seeds(vectors: Floats, clusters: int, rng: np.random.Generator) -> Floats:
    """Return up to `clusters` distinct vectors, chosen with probabilities that grow with the squared distance."""
    chosen = [int(rng.integers(len(vectors)))]
    distances = ((vectors - vectors[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < clusters and distances.sum() > 0:
        chosen.append(int(rng.choice(len(vectors), p=distances / distances.sum())))
        distances = np.minimum(distances, ((vectors - vectors[chosen[-1]]) ** 2).sum(axis=1))
    return vectors[chosen]
