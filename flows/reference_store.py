"""A reference profile from the store: of measures from their histograms, of requests from the request log.

Of features and embeddings the store has only counts in the bins of a profile that was there before: what it counted
since then becomes a profile of the same bins (`--like`).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np
from msgspec import UNSET

from flows.backtest.archived import files_of
from flows.reference import Options, profile_of
from flows.reference_items import Counted, Wanted, WrongReference
from operators.connectors.clickhouse.query import ask
from operators.profiles.by_slice import dimensions_of
from operators.profiles.from_histogram import Bucketed, bucketed_field
from operators.profiles.merging import added_moments
from operators.profiles.part_moments import added_parts
from operators.profiles.profile import EMBEDDING, Field, PartMoments, Profile
from operators.wire.events import TS_MS_MAX, TS_MS_MIN

_MEASURES = """
SELECT p.measure, sum(p.n), toFloat64(sum(p.sum)), min(p.min), max(p.max), sumMap(p.buckets, p.counts)
FROM measure_pane_latest AS p
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, p.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, p.version))
  AND p.pane_start >= {from:DateTime64(3, 'UTC')}
  AND p.pane_start < {to:DateTime64(3, 'UTC')}
GROUP BY p.measure
ORDER BY p.measure
"""
_REQUESTS = """
SELECT sum(p.n)
FROM outcome_pane_latest AS p
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, p.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, p.version))
  AND p.pane_start >= {from:DateTime64(3, 'UTC')}
  AND p.pane_start < {to:DateTime64(3, 'UTC')}
"""


# Of each field the shortest windows: longer ones of other monitors hold the same values once more.
_WINDOWS = """
SELECT
  w.field,
  w.slice,
  sumForEach(w.counts),
  groupArrayIf((w.n, assumeNotNull(w.mean), assumeNotNull(w.sd), assumeNotNull(w.low), assumeNotNull(w.high)),
    w.n > 0 AND w.mean IS NOT NULL)
FROM feature_window_latest AS w
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, w.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, w.version))
  AND w.profile = {profile:String}
  AND (w.slice = '*' OR {by:Bool})
  AND w.window_start >= {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
  AND (w.field, w.slice, w.window_end - w.window_start) IN (
    SELECT s.field, s.slice, min(s.window_end - s.window_start)
    FROM feature_window_latest AS s
    WHERE s.profile = {profile:String} AND (s.slice = '*' OR {by:Bool})
    GROUP BY s.field, s.slice
  )
GROUP BY w.field, w.slice
ORDER BY w.field, w.slice
"""


Window = tuple[int, float, float, float, float]  # Of one window: n, mean, deviation, least and most.
ALL = "*"


def profile_of_store(url: str, wanted: Wanted, options: Options) -> tuple[Profile, Counted]:
    """Return the profile of the measures of panes that start in the range. WrongReference; ClickHouseError."""
    folder = unquote(urlsplit(url).path)
    if url.startswith("chdb:") and not Path(folder).is_dir():
        raise WrongReference(f"{folder}: no store there; `rollguard demo` and `replay` make one, --data names it")
    params = {
        "models": repr(sorted(wanted.models)),
        "versions": repr(sorted(wanted.versions)),
        "from": _time(wanted.start or 0),
        "to": _time(TS_MS_MAX if wanted.end is None else wanted.end),
    }
    _, ((requests,),) = ask(url, _REQUESTS, params)
    if options.like is not None:
        return _like(url, params, options, options.like), Counted(read=requests, fit=requests, sampled=requests)
    if options.by:
        raise WrongReference("--by: the store has slices in the bins of a profile only: add --like, or take --requests")
    _, rows = ask(url, _MEASURES, params)
    measures = {row[0]: _measure(row, requests) for row in rows}
    chosen = _chosen(measures, options.fields)
    fields = {name: bucketed_field(measure, options.bins) for name, measure in chosen.items()}
    return Profile(fields=fields), Counted(read=requests, fit=requests, sampled=requests)


def profile_of_requests(url: str, wanted: Wanted, options: Options) -> tuple[Profile, Counted]:
    """Return the profile of the request log. WrongReference, QueryError; ClickHouseError."""
    start, end = (_at(TS_MS_MIN if wanted.start is None else wanted.start), _at(wanted.end or TS_MS_MAX))
    with TemporaryDirectory(prefix="rollguard-reference-") as folder:
        files = files_of(url, start, end, Path(folder))
        return profile_of(files["events"], files["feedback"], wanted, options, lambda name, count: None)


def _like(url: str, params: Mapping[str, str], options: Options, like: Profile) -> Profile:
    """Return what was counted in the bins of a profile, by the shortest windows of each field. WrongReference."""
    _, rows = ask(url, _WINDOWS, {**params, "profile": like.name, "by": "true" if options.by else "false"})
    fields, names = dict[str, Field](), options.fields
    for name in dict.fromkeys(row[0] for row in rows if row[0] in like.fields and (not names or row[0] in names)):
        of_slice = {text: (counts, windows) for field, text, counts, windows in rows if field == name}
        if ALL in of_slice:
            fields[name] = _windows(like.fields[name], of_slice, options.by)
    clusters = [counts for name, text, counts, _ in rows if name == EMBEDDING and text == ALL and not names]
    if not fields and not clusters:
        raise WrongReference(f"--like: the store has counted nothing in the bins of profile {like.name}")
    if options.by and all(field.slices is UNSET for field in fields.values()):
        asked = " or ".join(map(",".join, options.by))
        raise WrongReference(
            f"--by: the store has counted no slice by {asked}: a monitor of its policy has to watch some"
        )
    embedding = None if like.embedding is None or not clusters else like.embedding
    if embedding is not None:
        embedding = msgspec.structs.replace(embedding, counts=tuple(clusters[0]))
    return Profile(fields=fields, embedding=embedding)


def _windows(
    known: Field, of_slice: Mapping[str, tuple[Sequence[int], Sequence[Window]]], by: Sequence[tuple[str, ...]]
) -> Field:
    """Return a field as windows counted it; of their skewness and kurtosis nothing is known: they stay as they were."""
    counts, windows = of_slice[ALL]
    moments, replace = None, msgspec.structs.replace
    if known.moments is not None and windows:
        some = [replace(known.moments, n=n, mean=mean, sd=sd, low=low, high=high) for n, mean, sd, low, high in windows]
        added = added_moments(some)
        moments = replace(added, skewness=known.moments.skewness, kurtosis=known.moments.kurtosis)
    slices = {text: each for text, each in of_slice.items() if text != ALL and dimensions_of(text) in by}
    parts = {
        text: added_parts([PartMoments(n=n, mean=mean, sd=sd) for n, mean, sd, *_ in windows])
        for text, (_, windows) in slices.items()
    }
    return replace(
        known,
        counts=tuple(counts),
        moments=moments,
        hours=UNSET,
        hour_moments=UNSET,
        slice_hours=UNSET,
        timezone=UNSET,
        slices=tuple((text, tuple(each)) for text, (each, _) in slices.items()) or UNSET,
        slice_moments=UNSET if moments is None else tuple(parts.items()) or UNSET,
    )


def _measure(row: Sequence[Any], requests: int) -> Bucketed:
    name, n, total, low, high, (codes, counts) = row
    missing = 0 if name.startswith("feedback.") else max(requests - n, 0)
    codes, counts = np.array(codes, np.int64), np.array(counts, np.int64)
    return Bucketed(codes=codes, counts=counts, total=total, low=low, high=high, missing=missing)


def _chosen(measures: Mapping[str, Bucketed], fields: Sequence[str]) -> dict[str, Bucketed]:
    if not measures:
        raise WrongReference("the store has no measure that fits: see --model, --version, --from and --until")
    for field in fields:
        if field not in measures:
            known = ", ".join(measures)
            raise WrongReference(f"--field {field}: the store keeps values of measures alone; there are {known}")
    return {field: measures[field] for field in fields or measures}


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _time(ms: int) -> str:
    return _at(ms).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
