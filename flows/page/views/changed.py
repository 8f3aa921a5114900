"""How requests fail in one slice, and how far fields are from their reference."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from flows.page.asked import Asked
from flows.page.store import Row, Store, moment

ERRORS, FIELDS, BINS, VERSIONS = 10, 12, 40, 4  # Shown.
ERRORS_OF_VERSION = 20


def changed(store: Store, asked: Asked, baseline: str, start: int, end: int, traffic: Sequence[Row]) -> Row:
    """Return how both versions of a release fail, and how far their fields have drifted, in the slice asked for."""
    ask = {"model": asked.model, "slice": asked.slice, "from": moment(start), "to": moment(end)}
    return {
        "errors": errors(failed(traffic), asked.version, baseline),
        "psi": psi(store.ask("psi", **ask, versions=[asked.version, baseline]), asked.version, baseline),
    }


def failed(traffic: Sequence[Row]) -> list[Row]:
    """Return the most frequent error types of each version, each with its share of the version's requests.

    `traffic` are the rows of query `traffic_lines`.
    """
    requests: Counter[str] = Counter()
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for step in traffic:
        requests[step["version"]] += step["requests"]
        found[step["version"]].update(dict(zip(*step["failed"], strict=True)))
    return [
        {"version": version, "error_type": name, "n": n, "requests": requests[version], "share": n / requests[version]}
        for version in sorted(found)
        for name, n in sorted(found[version].items(), key=lambda each: (-each[1], each[0]))[:ERRORS_OF_VERSION]
    ]


def errors(rows: Sequence[Row], candidate: str, baseline: str) -> list[Row]:
    """Return a row for each error type, with each version's or None; what the candidate has more often is first.

    >>> [each["error_type"] for each in errors([
    ...     {"version": "v1", "error_type": "a", "share": 0.5}, {"version": "v2", "error_type": "b", "share": 0.1},
    ...     {"version": "v3", "error_type": "c", "share": 0.1}], "v2", "v1")]
    ['b', 'a']
    """
    found = _by(rows, "error_type")

    def more(name: str) -> float:
        return _of(found[name], candidate, "share") - _of(found[name], baseline, "share")

    names = [name for name, mine in found.items() if mine.keys() & {candidate, baseline}]
    return [
        {"error_type": name, "candidate": found[name].get(candidate), "baseline": found[name].get(baseline)}
        for name in sorted(names, key=lambda name: (-more(name), name))[:ERRORS]
    ]


def psi(rows: Sequence[Row], candidate: str, baseline: str) -> list[Row]:
    """Return how far each field has drifted, with each version's row or None; the candidate's furthest comes first."""
    found = _by(rows, "field")

    def far(name: str) -> tuple[float, float]:
        return _of(found[name], candidate, "bad"), _of(found[name], candidate, "worst")

    order = sorted(found, key=lambda name: (*(-each for each in far(name)), name))[:FIELDS]
    return [
        {"field": name, "candidate": found[name].get(candidate), "baseline": found[name].get(baseline)}
        for name in order
    ]


def distribution(store: Store, asked: Asked, span: Row, drifts: Sequence[Row]) -> Row | None:
    """Return how a field is distributed in training and by version: the one asked for, else the first of `drifts`."""
    field = asked.field or next((row["field"] for row in drifts), "")
    if not field:
        return None
    rows = store.ask("distribution", model=asked.model, field=field, slice=asked.slice, **span)
    known = store.ask("releases", model=asked.model, at=moment(asked.at))
    by_version = _by(rows, "version", "bin")
    kinds = _kinds(known[0] if known else None, list(by_version))
    bins: dict[int, Row] = {row["bin"]: row for row in rows}
    shares = [share for row in rows for share in (row["share"], row["training"]) if share is not None]
    return {
        "field": field,
        "versions": list(kinds),
        "kinds": kinds,
        "widest": max(shares, default=0.0) or 1.0,
        "more": max(len(bins) - BINS, 0),
        "bins": [
            {
                "label": bins[bin_]["label"],
                "training": bins[bin_]["training"],
                "shares": {version: by_version[version].get(bin_, {}).get("share") for version in kinds},
            }
            for bin_ in sorted(bins)[:BINS]
        ],
    }


def _kinds(release: Row | None, versions: Sequence[str]) -> dict[str, str]:
    """Return the versions that are shown, the candidate last, each with the class of its bars."""
    roles = {} if release is None else {release["baseline"]: "baseline", release["version"]: "candidate"}
    order = {"baseline": 0, "candidate": 1, "other": 2}
    kinds = {version: roles.get(version, "other") for version in versions}
    return dict(sorted(kinds.items(), key=lambda each: (order[each[1]], each[0]))[:VERSIONS])


def _by(rows: Sequence[Row], first: str, second: str = "version") -> dict[str, dict[object, Row]]:
    found: dict[str, dict[object, Row]] = defaultdict(dict)
    for row in rows:
        found[row[first]][row[second]] = row
    return found


def _of(rows: Mapping[object, Row], version: str, name: str) -> float:
    return float(rows[version][name] or 0.0) if version in rows else 0.0
