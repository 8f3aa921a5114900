"""On whose events a verdict rests: if mostly on those of one of several producers, a person looks at it first.

A producer is a value of the slice dimension that the policy names. Counts are of the candidate's events since the harm
began, in whole buckets (`traffic.py`), as far back as these are kept.
"""

from operators.release.model import Model, PaneContext
from operators.release.state import ReleaseState
from operators.release.traffic import BUCKETS, bucket_of
from operators.window.partial import BAD, OTHER
from operators.wire.control import Evidence

PRODUCERS_MAX = 100  # Of one candidate and bucket; the rest are counted together.


def note_producers(model: Model, at: PaneContext) -> None:
    """Remember, for each producer, how many events of every candidate it sent by SLI, and how many of them were bad."""
    bucket = bucket_of(at.pane, at.policy.pane_ms)
    for release in model.releases.values():
        came = at.producers(release.candidate) if release.is_actionable else {}
        if not came:
            continue
        producers = release.actionable.producers
        known = producers.setdefault(bucket, {})
        for name in sorted(came):
            key = name if name in known or len(known) < PRODUCERS_MAX else OTHER
            slis = came[name]
            counts = [*slis.sum(axis=1).tolist(), *slis[:, BAD].tolist()]
            known[key] = [a + b for a, b in zip(known.get(key, [0] * len(counts)), counts, strict=True)]
        while len(producers) > BUCKETS:
            del producers[min(producers)]


def why_doubted(at: PaneContext, release: ReleaseState, evidence: Evidence) -> str | None:
    """Return why a verdict is not acted on: too much of it rests on one of several producers. None if it is."""
    allowed = at.policy.releases.producer_share_max
    if allowed is None or evidence.sli is None:
        return None
    names = [sli.name for sli in at.policy.slis]
    sli = names.index(evidence.sli)
    since = 0 if evidence.since is None else bucket_of(evidence.since // at.policy.pane_ms, at.policy.pane_ms)
    sums: dict[str, int] = {}
    for bucket, producers in release.actionable.producers.items():
        for name, counts in producers.items() if bucket >= since else ():
            if counts[sli]:
                sums[name] = sums.get(name, 0) + counts[len(names) + sli]
    total = sum(sums.values())
    if len(sums) < 2 or not total:
        return None
    bad, name = max((count, name) for name, count in sums.items())
    if bad <= allowed * total:
        return None
    return f"{bad} of {total} bad events came from {name}, one of {len(sums)} producers: is it true, or does it err?"
