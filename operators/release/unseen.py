"""Releases of versions that have never served: an alert at once; they are dropped if they do not serve within `known`.

At most `WAITING_MAX` releases of a model wait like this: beyond that the oldest are dropped.
"""

from collections.abc import Sequence

from operators.policy.reading import span
from operators.release.discovery import usual_baseline
from operators.release.machine import begin, end
from operators.release.model import Model, PaneContext
from operators.release.state import ReleaseState
from operators.window.waiting_commands import Due
from operators.wire.commands import Release
from operators.wire.control import ControlEvent, Severity
from operators.wire.mirrored import original

WAITING_MAX = 20  # Of one model: more than anybody rolls out at once.
RULE = "commands:unseen"  # Such releases, where events name a rule.


def await_unseen(model: Model, at: PaneContext, due: Sequence[Due]) -> list[ControlEvent]:
    """Return alerts on releases of versions that have not served, and on what becomes of them.

    This is only done in panes in which something came in: silence shows nothing about who serves.
    """
    if not due and not any(at.requests.values()):
        return []
    known_panes = at.policy.releases.known_ms // at.policy.pane_ms
    events: list[ControlEvent] = []
    for release in list(model.releases.values()):
        if not release.unseen or release.withdrawn:
            continue
        release.unseen = tuple(name for name in release.unseen if name not in model.served)
        if not release.unseen:
            events.append(_alert(model, at, release, "all its versions have served now", state="resolved"))
        elif at.pane - release.since > known_panes:
            events.append(_drop(model, at, release, f"{_names(release)} not served, so it is dropped"))
        elif _is_new(release, due):
            wait = span(at.policy.releases.known_ms)
            events.append(
                _alert(model, at, release, f"{_names(release)} not served; it is dropped after {wait} without")
            )
    return events + _drop_surplus(model, at)


def _drop_surplus(model: Model, at: PaneContext) -> list[ControlEvent]:
    waiting = [release for release in model.releases.values() if release.unseen and not release.withdrawn]
    oldest_first = sorted(waiting, key=lambda release: release.since)
    why = f"it is dropped, because more than {WAITING_MAX} wait for versions that have not served"
    return [_drop(model, at, release, why) for release in oldest_first[:-WAITING_MAX]]


def _is_new(release: ReleaseState, due: Sequence[Due]) -> bool:
    known = None if release.declared is None else release.declared.id
    return any(each.id == known for each in due if isinstance(each, Release))


def _drop(model: Model, at: PaneContext, release: ReleaseState, why: str) -> ControlEvent:
    """Forget a release; if the candidate serves, compare it with what it would be compared with by itself."""
    end(model, release.candidate)
    if release.candidate in model.served:
        baseline = usual_baseline(model, at, frozenset({release.candidate}))
        if baseline is not None:
            begin(model, at, release.candidate, baseline)
            why += f"; {release.candidate} is compared with {baseline} instead"
    return _alert(model, at, release, why)


def _alert(model: Model, at: PaneContext, release: ReleaseState, what: str, **fields: object) -> ControlEvent:
    """Return the alert: a ticket if the baseline never served, as its candidate is then unjudged."""
    reason = f"the release of {original(release.candidate)} beside {release.baseline}: {what}"
    severity: Severity = "ticket" if release.baseline in release.unseen else "info"
    return model.say("alert", at, release.candidate, RULE, severity, None, reason=reason, **fields)


def _names(release: ReleaseState) -> str:
    return f"{' and '.join(map(original, release.unseen))} {'have' if len(release.unseen) > 1 else 'has'}"
