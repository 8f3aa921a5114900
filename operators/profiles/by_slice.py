"""What a profile expects of a slice: regions differ, so a slice is compared with its own past.

A small slice has few counts, so they are shrunk towards the whole as far as the profile shows that its slices are alike
(`seasons.py` has the formula): slices that do not differ get the whole's counts, and those that do keep their own. What
is expected of a slice in an hour is what is expected of the hour, moved as the slice differs from the whole; or the
slice's own hour, where its days are not those of the others (`slice_hours.py`).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec
import numpy as np

from operators.arrays import Floats
from operators.profiles.binning import Value, bins_of
from operators.profiles.part_moments import moments_by
from operators.profiles.profile import Field, PartMoments, Profile
from operators.profiles.seasons import expected, shrunk_towards
from operators.profiles.slice_hours import own_hours

SLICES_MAX = 1_000  # Slices of a field: those with the most values.

SliceTexts = Sequence[Sequence[str]]  # For each combination of dimensions, the slice of each value.


def by_slice(profile: Profile, columns: Mapping[str, Sequence[Value]], slices: Mapping[str, SliceTexts]) -> Profile:
    """Return a profile that also has its fields' counts by slice; `slices` has those of each field's values."""
    fields = {}
    for name, field in profile.fields.items():
        bins = bins_of(field, columns[name])
        counted: dict[str, tuple[int, ...]] = {}
        parts: dict[str, PartMoments] = {}
        for texts in slices[name]:
            names, of = np.unique(np.array(texts, object).astype(str), return_inverse=True)
            counts = np.bincount(of * field.bins + bins, minlength=len(names) * field.bins)
            rows = counts.reshape(len(names), field.bins).tolist()
            counted |= {str(text): tuple(row) for text, row in zip(names.tolist(), rows, strict=True)}
            if field.kind == "number":
                parts |= zip(names.tolist(), moments_by(columns[name], of, len(names)), strict=True)
        most = sorted(counted, key=lambda text: (-sum(counted[text]), text))[:SLICES_MAX]
        fields[name] = msgspec.structs.replace(
            field,
            slices=tuple((text, counted[text]) for text in sorted(most)),
            slice_moments=tuple((text, parts[text]) for text in sorted(most)) if parts else msgspec.UNSET,
        )
    return msgspec.structs.replace(profile, fields=fields)


def expected_of(field: Field, start: int, window_ms: int, texts: Sequence[str]) -> Floats:
    """Return the counts (K, B) to compare each slice's window with, as `seasons.expected` does for all traffic."""
    base = expected(field, start, window_ms)
    known = _shrunk(field)
    if not known:
        return np.tile(base, (len(texts), 1))
    whole = np.array(field.counts, float)
    # How the hour differs from the whole; a bin that is empty in the whole is empty in its hours.
    moved = np.where(whole > 0, base / np.maximum(whole, 1) * whole.sum() / max(base.sum(), 1), 0.0)
    own = own_hours(field)
    return np.array(
        [
            expected(own[text], start, window_ms)
            if text in own
            else _moved(known[text], moved, float(base.sum()))
            if text in known
            else base
            for text in texts
        ]
    )


def _moved(counts: Floats, by: Floats, most: float) -> Floats:
    """Return the counts of a slice moved `by` an hour's factors, worth no more values than either."""
    shares = counts * by
    return np.asarray(shares / max(float(shares.sum()), 1e-12) * min(float(counts.sum()), most))


@lru_cache(maxsize=1_000)
def _shrunk(field: Field) -> dict[str, Floats]:
    """Return the shrunk counts of each slice, by its text; empty for a profile without slices.

    Slices of the same dimensions are shrunk towards the whole together.
    """
    found: dict[str, Floats] = {}
    if field.slices is msgspec.UNSET:
        return found
    groups: dict[tuple[str, ...], list[tuple[str, tuple[int, ...]]]] = {}
    for text, counts in field.slices:
        groups.setdefault(dimensions_of(text), []).append((text, counts))
    for slices in groups.values():
        own, whole = (np.array(each, float) / field.design_effect for each in ([n for _, n in slices], [field.counts]))
        rows = shrunk_towards(own, whole, np.zeros(len(own), np.int64)) * field.design_effect
        found |= {text: row for (text, _), row in zip(slices, rows, strict=True)}
    return found


def dimensions_of(text: str) -> tuple[str, ...]:
    r"""Return the dimensions of a slice's text.

    >>> dimensions_of("region=eu,segment=a\\,b=c")
    ('region', 'segment')
    """
    parts = text.replace("\\\\", "").replace("\\,", "").replace("\\=", "").split(",")
    return tuple(part.partition("=")[0] for part in parts)


def sliced_by(profile: Profile | None) -> tuple[tuple[str, ...], ...]:
    """Return the dimensions, and combinations of them, by which a profile has slices."""
    fields = () if profile is None else profile.fields.values()
    texts = [text for field in fields if field.slices is not msgspec.UNSET for text, _ in field.slices]
    return tuple(dict.fromkeys(map(dimensions_of, texts)))
