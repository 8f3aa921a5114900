"""What else moved when harm was found, so that nobody has to search for it at night: mix, traffic, the baseline."""

from collections.abc import Iterator, Sequence

from operators.release.model import CanaryFinding, Model, PaneContext
from operators.release.state import ReleaseState
from operators.release.traffic import BUCKETS, RECENT, bad_ratio, bucket_of, has_degraded
from operators.rules.strata import MIX
from operators.wire.control import ControlEvent

FACTOR_MIN = 2.0  # Traffic has moved if it is this many times that of the hour before, or smaller by this factor, ...
REQUESTS_MIN = 100  # ... and one of the two had this many requests.


def moved(
    model: Model, at: PaneContext, event: ControlEvent, release: ReleaseState, findings: Sequence[CanaryFinding]
) -> tuple[str, ...]:
    """Return, in words, each thing that moved, and what of the release could not be compared."""
    mine = [finding for finding in findings if finding.candidate == release.candidate]
    alone = [words for finding in mine for words in finding.alone]
    parts = [*_mix(event), *_baseline(model, at, event, release), *_traffic(model, at), *alone]
    return tuple(dict.fromkeys(parts))


def _mix(event: ControlEvent) -> list[str]:
    reasons = [each.evidence.reason for each in event.slices] + [event.evidence.reason]
    return [reason for reason in reasons if reason and reason.startswith(MIX)][:1]


def _baseline(model: Model, at: PaneContext, event: ControlEvent, release: ReleaseState) -> Iterator[str]:
    """Say whether the baseline is surely worse than in the hour before the harm began."""
    names = [sli.name for sli in at.policy.slis]
    served, sli = model.served.get(release.baseline), event.evidence.sli
    if served is None or sli not in names:
        return
    since = event.evidence.since
    now = bucket_of(at.pane, at.policy.pane_ms)
    began = now - RECENT + 1 if since is None else bucket_of(since // at.policy.pane_ms, at.policy.pane_ms)
    before, after = (served.counts(names.index(sli), before=began), served.counts(names.index(sli), since=began))
    if has_degraded(before, after):
        yield (
            f"{release.baseline} is worse as well: {100 * bad_ratio(after):.3g} % bad, {100 * bad_ratio(before):.3g} % "
            "before"
        )


def _traffic(model: Model, at: PaneContext) -> Iterator[str]:
    """Say whether the model's requests of the last minutes are many more, or fewer, than in the hour before."""
    now = bucket_of(at.pane, at.policy.pane_ms)
    first = now - RECENT + 1
    buckets = [(number, counted[0]) for served in model.served.values() for number, counted in served.buckets.items()]
    earlier = [(number, n) for number, n in buckets if now - BUCKETS < number < first]
    if not earlier:
        return
    recent = sum(n for number, n in buckets if number >= first)
    before = sum(n for _, n in earlier)
    # The running minute is not over, and the first one was not whole.
    rates = recent / (RECENT - 0.5), before / max(first - min(number for number, _ in earlier) - 0.5, 1.0)
    if max(recent, before) < REQUESTS_MIN or min(rates) * FACTOR_MIN > max(rates):
        return
    change = f"{rates[0] / rates[1]:.2g} times" if rates[0] else "none"
    yield f"requests to the model are {change} those of the hour before"
