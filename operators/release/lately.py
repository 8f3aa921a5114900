"""Recent failures and lineage of each version, and what monitors found: shown in its control events.

Nothing here decides. All of it is bounded, and a function of the closed panes alone.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, combinations, groupby
from operator import itemgetter

from operators.drift.found import words
from operators.drift.results import Drift, Heard
from operators.release.model import Lately, Model, PaneContext
from operators.release.pane_traffic import PaneTraffic
from operators.release.state import ReleaseState
from operators.release.traffic import bucket_of
from operators.window.partial import OTHER
from operators.window.samples import LINEAGE, LINEAGES, Sample
from operators.window.series_index import slice_text
from operators.wire.control import ErrorType, Found
from operators.wire.events import Scalar

BUCKETS = 10  # Minutes with errors for which error types are remembered.
TYPES_MAX = 50  # Error types of a version and minute; the rest are counted together.
REQUESTS_MAX = 20  # Of a candidate and SLI: the newest.
VALUES_MAX = 5  # Different values of a version's lineage: the newest.
FOUND_MAX = 100  # Findings of a release.
SHOWN_MAX = 20  # Findings of an event.
ERRORS_MAX = 5  # Error types of an event.
REQUESTS_SHOWN = 5  # Request ids of an event.
UNKNOWN = ("",)  # Where nothing is known of a version's lineage.


def note_lately(model: Model, traffic: PaneTraffic) -> None:
    """Remember what a pane shows about each version."""
    if not model.lately.keys() <= model.served.keys():
        for version in model.lately.keys() - model.served.keys():
            del model.lately[version]
    name, seen = model.writer.model, traffic.seen
    for version, errors in seen.errors.get(name, {}).items():
        _note_errors(_lately_of(model, version).errors, traffic.bucket, errors)
    for version, samples in seen.samples.get(name, {}).items():
        if samples[-1].sli != LINEAGE:
            release = model.releases.get(version)
            if release is not None and release.is_actionable:
                _note_failing(release, samples)
        for each in samples:
            if each.sli != LINEAGE:
                break  # They come first.
            _note_lineage(_lately_of(model, version).lineage, each)


def _note_errors(kept: dict[int, dict[str, int]], bucket: int, errors: Mapping[str, int]) -> None:
    known = kept.setdefault(bucket, {})
    for error in sorted(errors):
        key = error if error in known or len(known) < TYPES_MAX else OTHER
        known[key] = known.get(key, 0) + errors[error]
    for old in sorted(kept)[:-BUCKETS] if len(kept) > BUCKETS else ():
        del kept[old]


def _lately_of(model: Model, version: str) -> Lately:
    lately = model.lately.get(version)
    if lately is None:
        lately = model.lately[version] = Lately()
    return lately


def _note_failing(release: ReleaseState, samples: Sequence[Sample]) -> None:
    by_sli: dict[int, list[Sample]] = {}
    for sli, some in groupby(chain(release.requests, samples), itemgetter(0)):
        by_sli.setdefault(sli, []).extend(some)
    by_sli.pop(LINEAGE, None)
    release.requests = tuple(each for some in by_sli.values() for each in some[-REQUESTS_MAX:])


def _note_lineage(lineage: dict[str, tuple[str, ...]], sample: Sample) -> None:
    for name, value in zip(LINEAGES, sample.lineage, strict=True):
        if value and lineage.get(name, UNKNOWN)[-1] != value:  # Most panes show what the last one showed.
            before = tuple(each for each in lineage.get(name, ()) if each != value)
            lineage[name] = (*before, value)[-VALUES_MAX:]


def note_found(models: Mapping[str, Model], heard: Sequence[Heard]) -> None:
    """Remember what monitors find on the versions of each release, and since when."""
    for each in heard:
        model = models.get(each.series.model)
        for release in model.releases.values() if model is not None and each.word == "BAD" else ():
            arm = {release.candidate: release.found, release.baseline: release.found_beside}.get(each.series.version)
            if arm is not None and release.is_actionable:
                for drift in each.found or (each.worst,):
                    _note_found(arm, drift)


def _note_found(arm: dict[str, Found], drift: Drift) -> None:
    text = drift.series.text
    key = f"{drift.monitor} {drift.field} {text}"
    if key not in arm and len(arm) < FOUND_MAX:
        arm[key] = Found(
            monitor=drift.monitor,
            field=drift.field,
            slice=text,
            since=drift.start,
            words=words(drift),
            excess=drift.excess,
            requests=drift.requests,
        )


def findings_of(release: ReleaseState) -> tuple[Found, ...]:
    """Return what was found on the candidate alone, each field where it shows most, the earliest first."""
    best: dict[str, Found] = {}
    for key, found in release.found.items():
        other = best.get(found.field)
        if key not in release.found_beside and (other is None or _order(found) < _order(other)):
            best[found.field] = found
    return tuple(sorted(best.values(), key=_order)[:SHOWN_MAX])


def _order(found: Found) -> tuple[int, float, bool, str, str]:
    # If both show the same, all traffic shows it because of the slice.
    return found.since, -found.excess, found.slice == "*", found.field, found.slice


def errors_of(model: Model, at: PaneContext, version: str, beside: str | None) -> tuple[ErrorType, ...]:
    """Return how requests of a version failed lately, the most frequent first, with the counts of one `beside` it."""
    mine = _errors(model, at, version)
    other = {} if beside is None else _errors(model, at, beside)
    order = sorted(mine, key=lambda name: (-mine[name], name))[:ERRORS_MAX]
    return tuple(ErrorType(name=name, n=mine[name], baseline=other.get(name, 0) if beside else None) for name in order)


def _errors(model: Model, at: PaneContext, version: str) -> dict[str, int]:
    lately, since = model.lately.get(version), bucket_of(at.pane, at.policy.pane_ms) - BUCKETS + 1
    sums: dict[str, int] = {}
    for bucket, errors in lately.errors.items() if lately is not None else ():
        for name, n in errors.items() if bucket >= since else ():
            sums[name] = sums.get(name, 0) + n
    return sums


def seen_diff(model: Model, release: ReleaseState) -> Mapping[str, tuple[Scalar | None, Scalar | None]]:
    """Return the fields in which requests of baseline and candidate differ: those without a value in common."""
    arms = [model.lately.get(version, Lately()).lineage for version in (release.baseline, release.candidate)]
    differ = [name for name in LINEAGES if all(name in arm for arm in arms) and not {*arms[0][name]} & {*arms[1][name]}]
    return {name: (", ".join(arms[0][name]), ", ".join(arms[1][name])) for name in differ}


def requests_of(
    model: Model, at: PaneContext, release: ReleaseState | None, version: str, sli: str | None, text: str
) -> tuple[str, ...]:
    """Return a few requests of a version that are bad by an SLI, those of a slice first, then the earliest."""
    names = [each.name for each in at.policy.slis]
    kept = release.requests if release is not None and release.candidate == version else ()
    bad = [each for each in kept or at.samples.get(version, ()) if each.sli != LINEAGE]
    mine = [each for each in bad if sli is None or names[each.sli] == sli]
    mine.sort(key=lambda each: (text not in _slices(each, at.policy.dimensions), each.time, each.request_id))
    return tuple(dict.fromkeys(each.request_id for each in mine))[:REQUESTS_SHOWN]


def _slices(sample: Sample, dimensions: Sequence[str]) -> set[str]:
    """Return every slice that a request belongs to."""
    pairs = list(zip(dimensions, sample.values, strict=False))
    return {slice_text(some) for size in range(len(pairs) + 1) for some in combinations(pairs, size)}
