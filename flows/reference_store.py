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

from flows.backtest.archived import files_of
from flows.reference import Options, profile_of
from flows.reference_items import Counted, Wanted, WrongReference
from operators.connectors.clickhouse.query import ask
from operators.profiles.from_histogram import Bucketed, bucketed_field
from operators.profiles.merging import added_moments
from operators.profiles.profile import EMBEDDING, Field, Profile
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
  sumForEach(w.counts),
  groupArrayIf((w.n, assumeNotNull(w.mean), assumeNotNull(w.sd), assumeNotNull(w.low), assumeNotNull(w.high)),
    w.n > 0 AND w.mean IS NOT NULL)
FROM feature_window_latest AS w
WHERE (empty({models:Array(String)}) OR has({models:Array(String)}, w.model))
  AND (empty({versions:Array(String)}) OR has({versions:Array(String)}, w.version))
  AND w.profile = {profile:String}
  AND w.slice = '*'
  AND w.window_start >= {from:DateTime64(3, 'UTC')}
  AND w.window_end <= {to:DateTime64(3, 'UTC')}
  AND (w.field, w.window_end - w.window_start) IN (
    SELECT s.field, min(s.window_end - s.window_start)
    FROM feature_window_latest AS s
    WHERE s.profile = {profile:String} AND s.slice = '*'
    GROUP BY s.field
  )
GROUP BY w.field
ORDER BY w.field
"""


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
        return _like(url, params, options.like, options.fields), Counted(read=requests, fit=requests, sampled=requests)
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


def _like(url: str, params: Mapping[str, str], like: Profile, names: Sequence[str]) -> Profile:
    """Return what was counted in the bins of a profile, by the shortest windows of each field. WrongReference."""
    _, rows = ask(url, _WINDOWS, {**params, "profile": like.name})
    fields = {
        name: _windows(like.fields[name], counts, moments)
        for name, counts, moments in rows
        if name in like.fields and (not names or name in names)
    }
    clusters = [counts for name, counts, _ in rows if name == EMBEDDING and not names]
    if not fields and not clusters:
        raise WrongReference(f"--like: the store has counted nothing in the bins of profile {like.name}")
    embedding = None if like.embedding is None or not clusters else like.embedding
    if embedding is not None:
        embedding = msgspec.structs.replace(embedding, counts=tuple(clusters[0]))
    return Profile(fields=fields, embedding=embedding)


def _windows(known: Field, counts: Sequence[int], windows: Sequence[tuple[int, float, float, float, float]]) -> Field:
    """Return a field as windows counted it; of their skewness and kurtosis nothing is known: they stay as they were."""
    moments = None
    if known.moments is not None and windows:
        replace = msgspec.structs.replace
        some = [replace(known.moments, n=n, mean=mean, sd=sd, low=low, high=high) for n, mean, sd, low, high in windows]
        added = added_moments(some)
        moments = replace(added, skewness=known.moments.skewness, kurtosis=known.moments.kurtosis)
    return msgspec.structs.replace(known, counts=tuple(counts), moments=moments)


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
