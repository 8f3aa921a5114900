"""A reference profile from the histograms of measures that the store keeps by pane, with the hours of the week."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from flows.reference.asked import asked
from flows.reference.items import Counted, WrongReference
from flows.reference.options import Options
from operators.arrays import Ints
from operators.profiles.from_histogram import Bucketed, added_measures, bucketed_field, bucketed_hours
from operators.profiles.profile import HOURS, Profile
from operators.spans import HOUR_MS


class Panes(NamedTuple):
    """What panes hold: `requests` (168,) by hour of the week, and the panes' span, from the first start to the last.

    `ended_ms`: the latest end of a pane, in ms from the start of the hour in which it began.
    """

    requests: Ints
    span_ms: int
    ended_ms: int


def panes_of(url: str, params: Mapping[str, str]) -> Panes:
    """Return what panes in a range have. ClickHouseError."""
    rows = asked(url, "requests", params)
    requests = np.zeros(HOURS, np.int64)
    for hour, n, *_ in rows:
        requests[hour] = n
    if not rows:
        return Panes(requests, 0, 0)
    _, _, firsts, lasts, ended = zip(*rows, strict=True)
    return Panes(requests, max(lasts) - min(firsts), max(ended))


def profile_of_measures(
    url: str, params: Mapping[str, str], options: Options, panes: Panes, counted: Counted
) -> Profile:
    """Return the profile of measures, among the requests of panes. WrongReference; ClickHouseError."""
    rows = asked(url, "measures", params)
    hourly = options.by_hour and panes.span_ms >= (HOURS - 1) * HOUR_MS
    if hourly and panes.ended_ms > HOUR_MS:
        counted.notes.append("no hours of the week: panes are not within an hour each")
        hourly = False
    fields = {}
    for name in _chosen(list(dict.fromkeys(row[0] for row in rows)), options.fields):
        hours = {hour: _measure(*row) for measure, hour, *row in rows if measure == name}
        n = np.bincount(list(hours), [each.counts.sum() for each in hours.values()], HOURS).astype(np.int64)
        missing = np.zeros_like(n) if name.startswith("feedback.") else np.maximum(panes.requests - n, 0)
        field = bucketed_field(added_measures(list(hours.values())), options.bins, int(missing.sum()))
        fields[name] = bucketed_hours(field, hours, missing, options.timezone) if hourly else field
    return Profile(fields=fields)


def _measure(total: float, low: float, high: float, cells: tuple[Sequence[int], Sequence[int]]) -> Bucketed:
    codes, counts = (np.array(each, np.int64) for each in cells)
    return Bucketed(codes=codes, counts=counts, total=total, low=low, high=high)


def _chosen(measures: Sequence[str], fields: Sequence[str]) -> Sequence[str]:
    if not measures:
        raise WrongReference("the store has no measure that fits: see --model, --version, --from and --until")
    for field in fields:
        if field not in measures:
            known = ", ".join(measures)
            raise WrongReference(f"--field {field}: the store keeps values of measures alone; there are {known}")
    return fields or measures
