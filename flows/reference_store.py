"""A reference profile of measures, from the histograms that the store keeps of them.

Features, predictions and embeddings cannot come from there: of those it has only counts in the bins of a profile that
was there before.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from flows.reference import Counted, Options, Wanted, WrongReference
from operators.connectors.clickhouse.query import ask
from operators.profiles.from_histogram import Bucketed, bucketed_field
from operators.profiles.profile import Profile
from operators.wire.events import TS_MS_MAX

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
    _, rows = ask(url, _MEASURES, params)
    _, ((requests,),) = ask(url, _REQUESTS, params)
    measures = {row[0]: _measure(row, requests) for row in rows}
    chosen = _chosen(measures, options.fields)
    fields = {name: bucketed_field(measure, options.bins) for name, measure in chosen.items()}
    return Profile(fields=fields), Counted(read=requests, fit=requests, sampled=requests)


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


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
