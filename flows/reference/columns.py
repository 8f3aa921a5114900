"""The items of a sample as columns: a value of each field per item, and the time and slices of each value."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from flows.reference.items import Counted, Items, WrongReference
from operators.arrays import Ints
from operators.ingest.own_dimensions import slices_of
from operators.ingest.watched import ValueReader
from operators.policy.measures import EVENT_FIELDS, FEEDBACK_FIELDS
from operators.policy.watched import is_watchable
from operators.profiles.binning import Value, is_value
from operators.profiles.by_slice import SliceTexts
from operators.profiles.listed import COUNTED
from operators.profiles.profile import RESIDUAL, Profile
from operators.spans import HOUR_MS, WEEK_MS
from operators.window.series_index import slice_text
from operators.wire.events import UNUSABLE, Event, Feedback, ms_of

FIELDS_MAX = 1_000  # More are most likely names that contain values.
Columns = Mapping[str, Sequence[Value]]


def columns_of(items: Items, fields: Sequence[str], known: Collection[str] = ()) -> Columns:
    """Return these fields, by default every one that can be watched and has a value, read as the job will read them.

    The fields in `known` are included even without a value. WrongReference where no item has a field asked for, and
    where there are more than `FIELDS_MAX`.
    """
    columns: dict[str, Sequence[Value]] = {}
    reader = ValueReader(items.events)
    expected = [name for name in known if not name.startswith("feedback.") and name != RESIDUAL]
    for name in dict.fromkeys((*EVENT_FIELDS, "prediction", *_names(items.events), *expected)):
        columns[name] = reader.values(name)
    for name in FEEDBACK_FIELDS:
        columns[name] = ValueReader([item for item in items.feedback if f"feedback.{item.kind}" == name]).values(name)
    some = {
        name: values for name, values in columns.items() if has_values(values) or (name in known and len(values) > 0)
    }
    return _chosen({name: values for name, values in some.items() if is_watchable(name)}, fields)


def has_values(values: Sequence[Value]) -> bool:
    return any(value is not None and is_value(value) for value in values)


def note_absent(columns: Columns, counted: Counted, *, are_rows: bool) -> Columns:
    """Return columns; where they `are_rows` of a table or log, without empty ones. Notes say which are empty.

    An event that lacks a feature says that it is missing. A table may just have other columns.
    """
    absent = [name for name, values in columns.items() if not has_values(values)]
    for name in absent:
        what = "left out: no row has a value" if are_rows else "no item has a value: it counts as missing"
        counted.notes.append(f"{name}: {what}")
    return {name: values for name, values in columns.items() if not (are_rows and name in absent)}


def times_of(items: Items, columns: Columns, like: Profile | None, halved: Collection[str]) -> dict[str, Ints]:
    """Return by column the time of each value, Unix ms; for `halved` columns, of the half that counts.

    Empty where values span less than a week, unless they are to be merged with a profile that has hours.
    """
    at = np.array([ms_of(item.ts) for item in items.events], np.int64)
    by_kind: dict[str, list[int]] = {}
    for item in items.feedback:
        by_kind.setdefault(f"feedback.{item.kind}", []).append(ms_of(item.ts))
    every = [at, *(np.array(times, np.int64) for times in by_kind.values())]
    hourly = like is not None and like.is_hourly
    if not hourly and max(int(np.ptp(times)) for times in every if len(times)) < WEEK_MS - HOUR_MS:
        return {}
    found = {name: np.array(by_kind[name], np.int64) if name in by_kind else at for name in columns}
    return {name: times[COUNTED] if name in halved else times for name, times in found.items()}


def slices_by(
    items: Items, columns: Columns, by: Sequence[tuple[str, ...]], halved: Collection[str]
) -> dict[str, SliceTexts]:
    """Return by column, and combination of dimensions, the slice of each of its values."""
    found: dict[str, SliceTexts] = {}
    for name in columns:
        if name.startswith("feedback."):
            some: Sequence[Event | Feedback] = [item for item in items.feedback if f"feedback.{item.kind}" == name]
        else:
            some = items.events
        dims = [slices_of(item) for item in (some[COUNTED] if name in halved else some)]
        found[name] = [[slice_text([(each, has.get(each, "")) for each in names]) for has in dims] for names in by]
    return found


def _names(events: Sequence[Event]) -> list[str]:
    """Return the features, metrics and flags that occur."""
    features = {f"features.{name}" for event in events for name in event.features or ()}
    metrics = {f"metrics.{name}" for event in events for name in event.metrics or ()}
    names = features | metrics | {f"flags.{flag}" for event in events for flag in event.flags or () if flag != UNUSABLE}
    if len(names) > FIELDS_MAX:
        raise WrongReference(f"{len(names)} different fields, allowed are {FIELDS_MAX}: do their names carry values?")
    return sorted(names)


def _chosen(columns: Columns, fields: Sequence[str]) -> Columns:
    for field in fields:
        if field not in columns:
            known = ", ".join(columns) or "none"
            raise WrongReference(f"--field {field}: no item has it; there are {known}")
    return {field: columns[field] for field in fields or columns}
