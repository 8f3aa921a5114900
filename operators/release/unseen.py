"""Releases of versions that have never served: an alert at once, and dropped if they do not serve within `known`.

At most `WAITING_MAX` of a model wait so: of more, the oldest are dropped.
"""

from collections.abc import Sequence

from operators.policy.reading import span
from operators.release.discovery import usual_baseline
from operators.release.machine import begin, end
from operators.release.model import Model, PaneContext
from operators.release.state import ReleaseState
from operators.window.waiting_commands import Said
from operators.wire.commands import Release
from operators.wire.control import ControlEvent, Severity
from operators.wire.mirrored import original

WAITING_MAX = 20  # Of one model: more than anybody is about to roll out.
RULE = "commands:unseen"  # What such releases are called where a rule is named.


def await_unseen(model: Model, at: PaneContext, said: Sequence[Said]) -> list[ControlEvent]:
    """Tell of releases of versions that have not served, and of what becomes of them.

    Only with panes in which something came in: silence says nothing of who serves.
    """
    if not said and not any(at.requests.values()):
        return []
    known_panes = at.policy.releases.known_ms // at.policy.pane_ms
    events: list[ControlEvent] = []
    for trial in list(model.trials.values()):
        if not trial.unseen or trial.withdrawn:
            continue
        trial.unseen = tuple(name for name in trial.unseen if name not in model.served)
        if not trial.unseen:
            events.append(_said(model, at, trial, "all its versions have served now", state="resolved"))
        elif at.pane - trial.since > known_panes:
            events.append(_drop(model, at, trial, f"{_names(trial)} not served, so it is dropped"))
        elif _is_new(trial, said):
            wait = span(at.policy.releases.known_ms)
            events.append(_said(model, at, trial, f"{_names(trial)} not served; it is dropped after {wait} without"))
    return events + _drop_surplus(model, at)


def _drop_surplus(model: Model, at: PaneContext) -> list[ControlEvent]:
    waiting = [trial for trial in model.trials.values() if trial.unseen and not trial.withdrawn]
    oldest_first = sorted(waiting, key=lambda trial: trial.since)
    why = f"it is dropped, because more than {WAITING_MAX} wait for versions that have not served"
    return [_drop(model, at, trial, why) for trial in oldest_first[:-WAITING_MAX]]


def _is_new(trial: ReleaseState, said: Sequence[Said]) -> bool:
    known = None if trial.release is None else trial.release.id
    return any(each.id == known for each in said if isinstance(each, Release))


def _drop(model: Model, at: PaneContext, trial: ReleaseState, why: str) -> ControlEvent:
    """Forget a release; if the candidate serves, compare it with what it would be compared with by itself."""
    end(model, trial.candidate)
    if trial.candidate in model.served:
        baseline = usual_baseline(model, at, frozenset({trial.candidate}))
        if baseline is not None:
            begin(model, at, trial.candidate, baseline)
            why += f"; {trial.candidate} is compared with {baseline} instead"
    return _said(model, at, trial, why)


def _said(model: Model, at: PaneContext, trial: ReleaseState, what: str, **fields: object) -> ControlEvent:
    """A baseline that never served leaves its candidate unjudged: that is to be looked into."""
    reason = f"the release of {original(trial.candidate)} beside {trial.baseline}: {what}"
    severity: Severity = "ticket" if trial.baseline in trial.unseen else "info"
    return model.say("alert", at, trial.candidate, RULE, severity, None, reason=reason, **fields)


def _names(trial: ReleaseState) -> str:
    return f"{' and '.join(map(original, trial.unseen))} {'have' if len(trial.unseen) > 1 else 'has'}"
