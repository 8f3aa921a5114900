"""The clusters of the embeddings of a sample."""

from collections.abc import Sequence

import msgspec
import numpy as np

from flows.reference.items import WrongReference
from operators.arrays import Floats
from operators.ingest.embeddings import embedding_bins
from operators.ingest.usable import UNDECODABLE
from operators.profiles.embedding import fit
from operators.profiles.profile import Centroids
from operators.wire.events import Event


def centroids_of(events: Sequence[Event], clusters: int) -> Centroids:
    """Return the centroids of the embeddings of the most frequent length, with how many of all lie nearest to each.

    WrongReference where no event has an embedding.
    """
    vectors = [_vector(event.embedding) for event in events]
    lengths = np.bincount([len(vector) for vector in vectors], minlength=1)
    lengths[0] = 0
    if not lengths.any():
        raise WrongReference(f"--embedding: none of {len(events)} events has one")
    fitted = fit(np.stack([vector for vector in vectors if len(vector) == int(lengths.argmax())]), clusters)
    return nearest_counted(fitted, events)


def nearest_counted(centroids: Centroids, events: Sequence[Event]) -> Centroids:
    """Return centroids with the counts of events nearest to each, then of those without a vector, then of others."""
    bins = embedding_bins(centroids, [event.embedding for event in events])
    counts = np.bincount(bins, minlength=len(centroids.centres) + 2)
    return msgspec.structs.replace(centroids, counts=tuple(counts.tolist()))


def _vector(raw: msgspec.Raw) -> Floats:
    """Return an embedding, an empty one where there is none or it is broken."""
    try:
        vector = np.array(msgspec.json.decode(raw, type=list[float] | None) or (), float)
    except UNDECODABLE:
        return np.zeros(0)
    return vector if np.isfinite(vector).all() else np.zeros(0)
