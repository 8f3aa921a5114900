"""Partials as bytes: how panes are saved in the recovery store, and held there while a window needs them.

Whole numbers take the narrowest type that holds them, histogram cells two or three bytes instead of sixteen, and zlib
does the rest. With ten events per pane and five measures a series takes some 200 bytes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.monitors import Offender
from operators.saved.packed import pack_fields, unpack_fields
from operators.saved.registry import Unreadable
from operators.stats.histogram import CODE_BITS, GAMMA
from operators.window.chains import Chains
from operators.window.leaf_index import LeafSeries
from operators.window.partial import Partial
from operators.window.samples import Sample

NARROW = ("which", "pane", "late", "events", "slis", "sums", "outcomes")


def pack(part: Partial) -> bytes:
    """Return the bytes of a partial, to be read by `unpack` of this or a later version."""
    pairs, codes = part.cells[:, 0] >> CODE_BITS, part.cells[:, 0] & ((1 << CODE_BITS) - 1)
    fields = {name: _narrow(getattr(part, name)) for name in NARROW} | {
        "series": [tuple(name) for name in part.series],
        "error_types": list(part.error_types),
        "extremes": part.extremes,
        "steps": _narrow(np.diff(pairs, prepend=0)),
        "gamma": GAMMA,
        "codes": codes.astype(np.uint16),
        "counts": _narrow(part.cells[:, 1]),
    }
    if len(part.ages):
        fields |= {"age_steps": _narrow(np.diff(part.ages[:, 0], prepend=0)), "age_counts": _narrow(part.ages[:, 1])}
    if len(part.users):
        fields |= {
            "user_steps": _narrow(np.diff(part.users[:, 0], prepend=0)),
            "user_counts": _narrow(part.users[:, 1]),
        }
    if part.chains is not None:
        fields["chains"] = {name: getattr(part.chains, name) for name in Chains.__struct_fields__}
    if part.samples:
        fields["samples"] = [(row, *sample) for row, sample in part.samples]
    if part.moments.size or part.bins:
        fields |= _packed_features(part)
    return pack_fields(fields)


def unpack(packed: bytes) -> Partial:
    """Return the partial that `pack` made these bytes of. Unreadable."""
    fields = unpack_fields(packed)
    if fields.pop("gamma", GAMMA) != GAMMA:
        raise Unreadable("what is packed in it has histograms of another accuracy")
    keys = np.cumsum(fields.pop("steps").astype(np.int64)) << CODE_BITS | fields.pop("codes")
    cells = np.column_stack((keys, fields.pop("counts").astype(np.int64)))
    wide = {name: fields.pop(name).astype(np.int64) for name in NARROW}
    series = [LeafSeries(*name) for name in fields.pop("series")]
    samples = [(row, Sample(*rest)) for row, *rest in fields.pop("samples", [])]
    ages, users = (_unpacked_counts(fields, name) for name in ("age", "user"))
    features = _unpacked_features(fields, len(wide["which"]))
    chains = Chains(**fields.pop("chains")) if "chains" in fields else None
    wide |= {"cells": cells, "ages": ages, "users": users}
    return Partial(series=series, chains=chains, samples=samples, **wide, **features, **fields)


def _unpacked_counts(fields: dict[str, Any], of: str) -> Ints:
    """Take sparse counts (K, 2) out of `fields`; state saved before they were kept has none."""
    none = np.zeros(0, np.int64)
    counts = np.column_stack([fields.pop(f"{of}_{name}", none).astype(np.int64) for name in ("steps", "counts")])
    counts[:, 0] = np.cumsum(counts[:, 0])
    return counts


def _packed_features(part: Partial) -> dict[str, Any]:
    return {
        "bins": part.bins,
        "feature_steps": _narrow(np.diff(part.features[:, 0], prepend=0)),
        "feature_counts": _narrow(part.features[:, 1]),
        # By kind of sum: sums of one kind are of like size.
        "moments": [_narrow(part.moments[:, :, index]) for index in range(part.moments.shape[2])],
        "ranges": part.ranges,
        "offenders": [(row, *offender) for row, offender in part.offenders],
    }


def _unpacked_features(fields: dict[str, Any], rows: int) -> dict[str, Any]:
    """Take the watched fields out of `fields`; where nothing was watched, they were not saved."""
    steps = fields.pop("feature_steps", np.zeros(0, np.int64)).astype(np.int64)
    counts = fields.pop("feature_counts", np.zeros(0, np.int64)).astype(np.int64)
    moments = fields.pop("moments", [np.zeros((rows, 0), np.int64)] * 5)
    return {
        "bins": fields.pop("bins", 0),
        "features": np.column_stack((np.cumsum(steps), counts)),
        "moments": np.stack(moments, axis=2).astype(np.int64),
        "ranges": fields.pop("ranges", np.zeros((rows, 0, 2))),
        "offenders": [(row, Offender(*rest)) for row, *rest in fields.pop("offenders", [])],
    }


def _narrow(values: Ints) -> NDArray[Any]:
    if not values.size:
        return values
    low, high = int(values.min()), int(values.max())
    return values.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))
