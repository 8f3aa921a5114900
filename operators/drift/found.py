"""What a monitor found on a series: one finding per field, the worst first, each in words."""

from collections.abc import Iterator, Sequence

import msgspec

from operators.drift.results import Drift

# Of several findings of a contract on one field, the first of these explains the others.
TELLING = ("absent", "type", "scale", "category", "missing", "constant", "range", "mean", "deviation", "cardinality")

# What changes in each kind of drift.
OF_KIND = {
    "covariate": "the inputs",
    "prediction": "what the model says",
    "label": "what is true",
    "concept": "how often it is right, given the inputs",
    "judge": "a judge",
    "operational": "errors, latency or cost",
}

FACTOR_MIN = 5.0  # A value this many times the reference's largest is reported as a factor.


def by_field(bad: Sequence[Drift]) -> tuple[Drift, ...]:
    """Return the most telling finding of each field, with the requests of all its findings; the worst field first."""
    fields: dict[str, list[Drift]] = {}
    for drift in bad:
        fields.setdefault(drift.field, []).append(drift)
    ordered = sorted(fields.items(), key=lambda item: (-max(each.excess for each in item[1]), item[0]))
    return tuple(_most_telling(some) for _, some in ordered)


def _most_telling(some: Sequence[Drift]) -> Drift:
    known = [each for method in TELLING for each in some if each.method == method]
    first = (known or sorted(some, key=lambda each: (-each.excess, each.method)))[0]
    requests = tuple(dict.fromkeys(request for each in some for request in each.requests))
    return msgspec.structs.replace(first, requests=requests) if requests else first


def words(drift: Drift) -> str:
    """Return a finding in words, with the field it is about."""
    breach = _broken(drift)
    return breach if breach is not None else _scored(drift)


def _broken(drift: Drift) -> str | None:
    """Return a contract's finding in words, None if it is not a contract's."""
    field, score = drift.field, drift.score
    if score is None or drift.method not in TELLING:
        return None
    expected = "" if drift.expected is None else f", not {drift.expected:.4g}"
    detail = f" ({drift.detail})" if drift.detail else ""
    texts = {
        "absent": f"{field} is missing everywhere",
        "type": f"{field} is of another type in {100 * score:.3g} %{detail}",
        "scale": f"{field} is {_times(score)} as in the reference",
        "category": f"{field} has unknown values in {100 * score:.3g} %{detail}",
        "missing": f"{field} is missing in {100 * score:.3g} %",
        "constant": f"{field} is always the same",
        "range": f"{field} reaches {score:.4g}, {_beyond(score, drift)}",
        "mean": f"{field} has a mean of {score:.4g}{expected}",
        "deviation": f"{field} has a deviation of {score:.4g}{expected}",
        "cardinality": f"{field} has {score:.4g} different values{expected}",
    }
    return texts[drift.method]


def _beyond(score: float, drift: Drift) -> str:
    """Return how far a value is outside its range: as a factor where that says more."""
    factor = score / drift.expected if drift.expected else 0.0
    if factor >= FACTOR_MIN:
        return f"not {drift.expected:.4g} ({factor:.3g} times)"
    return f"where the limit is {drift.threshold or 0.0:.4g}"


def _times(factor: float) -> str:
    """Return a power of ten as a factor that nobody misreads.

    >>> _times(100.0), _times(0.01)
    ('100 times as large', '100 times as small')
    """
    return f"{factor:.4g} times as large" if factor >= 1 else f"{1 / factor:.4g} times as small"


def _scored(drift: Drift) -> str:
    if drift.method == "lasting":
        return f"{drift.field} has changed and stays so: {drift.detail}"
    if drift.method == "estimated" and drift.score is not None:
        share, labelled = 100 * drift.score, 100 * (drift.expected or 0.0)
        estimated = f"by its scores {share:.3g} % of the answers are right"
        return f"{estimated}, {labelled:.3g} % of the labels were ({drift.detail})"
    return "".join(_parts(drift))


def _parts(drift: Drift) -> Iterator[str]:
    yield drift.method
    if drift.score is not None:
        yield f" {drift.score:.4g}"
    yield f" of {drift.field}"
    if drift.reference:
        yield f" against {drift.reference}"
    if drift.threshold is not None:
        yield f", limit {drift.threshold:.4g}"
    if drift.detail:
        yield f" ({drift.detail})"
