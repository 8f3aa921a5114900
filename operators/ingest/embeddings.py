"""Undecoded embeddings to bins: the nearest of frozen centroids, missing, or unseen."""

from collections.abc import Sequence

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.ingest.usable import UNDECODABLE
from operators.profiles.embedding import nearest
from operators.profiles.profile import Centroids

_decode = msgspec.json.Decoder(list[float] | None).decode


def embedding_bins(centroids: Centroids, embeddings: Sequence[msgspec.Raw]) -> Ints:
    """Return the bin of each embedding, (n,): with k centroids 0 .. k - 1, k, k + 1.

    An empty one is missing; anything but an array of numbers of the right length is unseen.

    >>> centroids = Centroids(centres=((0.0, 1.0), (1.0, 0.0)), counts=(1, 1, 0, 0))
    >>> texts = (b"[0, 2]", b"[0.9, 0]", b"null", b"[1]", b'"x"')
    >>> embedding_bins(centroids, [msgspec.Raw(text) for text in texts]).tolist()
    [0, 1, 2, 3, 3]
    """
    clusters, size = len(centroids.centres), len(centroids.centres[0])
    bins = np.full(len(embeddings), clusters + 1)
    rows, vectors = [], []
    for row, embedding in enumerate(embeddings):
        try:
            vector = _decode(embedding)
        except UNDECODABLE:
            continue
        if not vector:
            bins[row] = clusters
        elif len(vector) == size:
            rows.append(row)
            vectors.append(vector)
    if rows:
        matrix = np.array(vectors)
        bins[rows] = np.where(np.isfinite(matrix).all(axis=1), nearest(centroids.matrix, matrix), clusters + 1)
    return bins
