"""Which releases there are: declared by commands, or seen because a new version serves."""

from collections.abc import Sequence

import msgspec

from operators.policy.policy import Policy
from operators.release.copies import note_copies
from operators.release.declared_targets import note_targets
from operators.release.machine import begin, describe, end, make_way
from operators.release.model import Model, PaneContext
from operators.release.pane_traffic import PaneTraffic
from operators.release.phase_states import Withdrawn
from operators.release.state import ReleaseState
from operators.release.traffic import BUCKETS, Served, bucket_of, busiest
from operators.release.warming import warm_again
from operators.release.weighing import make_room
from operators.spans import HOUR_MS
from operators.window.partial import OTHER
from operators.wire.commands import Release
from operators.wire.control import VERSIONS_MAX, ControlEvent
from operators.wire.mirrored import is_mirrored, original

SOON_MS = HOUR_MS  # A comparison shorter than this may not have had the time to decide.
AGAIN = (3, 10, 30, 100, 300, 1_000)  # People are told when a version has been declared anew this many times.


def note_traffic(model: Model, traffic: PaneTraffic) -> None:
    """Remember what each version served in the pane, after forgetting versions that are no longer known.

    A version is known from its first request until it has had none for the policy's `known`; feedback alone makes no
    version known.
    """
    _forget(model, traffic)
    pane, came = traffic.pane, traffic.came.get(model.writer.model, ())
    for each in came:
        served = model.served.get(each.version)
        if served is None and each.requests:
            served = model.served[each.version] = Served(first=pane, last=pane)
        if served is not None:
            served.add(pane, traffic.bucket, traffic.hour, each.counts)
    if model.began is None and any(each.requests and not is_mirrored(each.version) for each in came):
        model.began = pane


def may_lose_releases(model: Model, traffic: PaneTraffic) -> bool:
    """Tell whether `note_traffic` may end releases: of versions that are no longer known, or beyond the limit."""
    oldest = traffic.pane - traffic.known
    if len(model.releases) > VERSIONS_MAX:
        return True
    for release in model.releases.values():
        served = model.served.get(release.candidate)
        if release.since < oldest and (served is None or served.last < oldest):
            return True
    return False


def _forget(model: Model, traffic: PaneTraffic) -> None:
    pane, known_panes = traffic.pane, traffic.known
    for version in [name for name, each in model.served.items() if pane - each.last > known_panes]:
        del model.served[version]
    if not (model.releases and may_lose_releases(model, traffic)):
        return
    for release in list(model.releases.values()):
        # A declared release is waited for just as long, and reported (`unseen.py`); withdrawn versions stay withdrawn.
        kept = release.candidate in model.served or release.unseen or release.withdrawn
        if not kept and pane - release.since > known_panes:
            end(model, release.candidate)
    states = [(name, release.state) for name, release in model.releases.items()]
    withdrawn = sorted((state.detected, name) for name, state in states if isinstance(state, Withdrawn))
    for _, name in withdrawn[:-VERSIONS_MAX]:
        end(model, name)
        model.served.pop(name, None)  # If it serves again it is a new version, and is judged.


def may_begin(model: Model, pane: int, policy: Policy) -> bool:
    """Tell whether `discover` may do anything: a version is new, or the model's first versions are to be sorted out."""
    if model.began is None:
        return False
    if not model.settled:
        return pane - model.began >= policy.releases.settle_ms // policy.pane_ms
    return any(served.first == pane for served in model.served.values())


def discover(model: Model, at: PaneContext) -> None:
    """Begin a release for every version that is new.

    Versions first seen within the policy's `settle` of the model's first request are old: the one with the most
    requests is the baseline of the others.
    """
    if model.began is None or not may_begin(model, at.pane, at.policy):
        return
    if not model.settled:
        settle_panes = at.policy.releases.settle_ms // at.policy.pane_ms
        model.settled = True
        old = {name: served for name, served in model.served.items() if served.first - model.began <= settle_panes}
        first = busiest(old, frozenset(filter(is_mirrored, old)), 0)
        # A version that a release names as the baseline of the busiest is not a candidate beside it.
        new = model.served.keys() - {
            first,
            *(each.baseline for each in model.releases.values() if each.candidate == first),
        }
    else:
        new = {name for name, served in model.served.items() if served.first == at.pane}
    new -= {OTHER, *(name for name, release in model.releases.items() if release.phase != "serving")}
    for version in sorted(new):
        baseline = usual_baseline(model, at, frozenset(new))
        if baseline is not None:
            begin(model, at, version, baseline)


def usual_baseline(model: Model, at: PaneContext, new: frozenset[str]) -> str | None:
    """The version with the most traffic besides the new ones; another candidate only if nothing else served lately."""
    lately = bucket_of(at.pane, at.policy.pane_ms) - BUCKETS + 1
    never = (
        new
        | {OTHER}
        | set(filter(is_mirrored, model.served))
        | {name for name, release in model.releases.items() if release.withdrawn}
    )
    candidates = {name for name, release in model.releases.items() if release.phase == "rolling_out"}
    first = busiest(model.served, frozenset(never | candidates), lately)
    return first or busiest(model.served, never, lately) or busiest(model.served, never, 0)


def declare(model: Model, at: PaneContext, declared: Release) -> list[ControlEvent]:
    """Take a release command: it declares a release, or describes one that was already seen.

    Whatever kept traffic from the candidate ends, and an event tells gateways so: a pin on another version, its own
    withdrawal or throttle, the promotion of another. A release of copies moves no traffic.
    """
    declared = note_copies(model, declared)
    if refused := _refused(model, at, declared):
        return refused
    known = model.releases.get(declared.candidate)
    note_targets(model, declared)
    if known is not None and known.declared is None and known.baseline == declared.baseline and not known.withdrawn:
        warm_again(at, known, declared)
        describe(known, declared)
        return [] if declared.mirrored else _release_alert(model, at, known, make_room(model, declared))
    if known is not None and known.declared is not None and _is_step(known, known.declared, declared):
        # Findings on the release so far stand, and so do the events on its versions.
        warm_again(at, known, declared)
        describe(known, msgspec.structs.replace(declared, metadata=known.declared.metadata))
        return [] if declared.mirrored else _release_alert(model, at, known, make_way(model, declared))
    barred = known is not None and (known.withdrawn or "throttle" in known.holds.values())
    unseen = tuple(name for name in (declared.candidate, declared.baseline) if name not in model.served)
    undecided = known is not None and known.phase == "rolling_out"
    too_soon = known is not None and undecided and (at.pane - known.since) * at.policy.pane_ms < SOON_MS
    release = begin(model, at, declared.candidate, declared.baseline, declared, unseen)
    events = [_declared_anew(model, at, release)] if too_soon and release.attempt in AGAIN else []
    if declared.mirrored:
        return events
    reasons = [f"{declared.candidate} may serve again"] if barred else []
    return [*events, *_release_alert(model, at, release, [*reasons, *make_way(model, declared)])]


def _refused(model: Model, at: PaneContext, declared: Release) -> list[ControlEvent]:
    """Return the alert that says why a declared release is refused, if it is."""
    old = model.releases.get(declared.baseline)
    if old is not None and old.withdrawn:
        why = f"the release of {declared.candidate} is refused: its baseline {declared.baseline} was withdrawn"
        return [model.say("alert", at, declared.candidate, "commands:withdrawn_baseline", "ticket", None, reason=why)]
    unknown = sorted({name for ring in declared.rings for name in ring} - {*at.policy.dimensions})
    if unknown or not all(declared.rings):
        what = f"no slice dimension is called {unknown[0]}" if unknown else "a ring needs a slice"
        why = f"the release of {original(declared.candidate)} is refused: {what}; command {declared.id}"
        return [model.say("alert", at, declared.candidate, "commands:bad_ring", "ticket", None, reason=why)]
    return []


def _declared_anew(model: Model, at: PaneContext, release: ReleaseState) -> ControlEvent:
    """Say that a version which is declared anew again and again, as another build, can never be judged."""
    why = (
        f"a comparison with {release.baseline} begins for the {release.attempt}. time, the last one undecided: each "
        "release with other metadata begins from nothing, so neither harm nor health is found. Declare each build "
        "once, or under a version of its own"
    )
    return model.say("alert", at, release.candidate, "commands:declared_anew", "ticket", release, reason=why)


def _is_step(known: ReleaseState, before: Release, declared: Release) -> bool:
    """Tell whether a command only changes the share of a release under way: same versions, same metadata.

    A throttled release begins anew instead, so that the candidate may serve again.
    """
    if known.phase != "rolling_out" or "throttle" in known.holds.values():
        return False
    return known.baseline == declared.baseline and declared.metadata in ({}, before.metadata)


def _release_alert(model: Model, at: PaneContext, release: ReleaseState, reasons: Sequence[str]) -> list[ControlEvent]:
    """Tell gateways what changes for a candidate that is released, if anything does."""
    reason = "; ".join(reasons)
    if not reason:
        return []
    return [model.say("alert", at, release.candidate, "release", "info", release, reason=reason, lifts=True)]
