"""What a model remembers when another policy file decides on it than before.

Pins, releases, overrides, incidents and alerts stay. The rules' comparisons begin anew, with the alpha of a further
attempt: what was spent stays spent.
"""

import msgspec

from operators.release.model import Model
from operators.release.phase_states import Promoted, RollingOut, Withdrawn
from operators.release.state import ReleaseState


def begin_anew(model: Model, *, counted_alike: bool) -> None:
    """Let rules begin anew; what is kept by the numbers of SLIs and measures stays where both policies count alike."""
    model.bad.clear()
    for release in model.releases.values():
        if release.compared:
            release.attempt += 1
        if isinstance(release.state, RollingOut | Promoted):
            release.state.replaced.clear()
    if counted_alike:
        return
    for served in model.served.values():
        for counts in (*served.buckets.values(), *served.hours.values()):
            del counts[1:]  # Requests stay; room for the present SLIs is made when the model is read (`widening.py`).
    for release in model.releases.values():
        _forget_counts(release)


def last_to_speak(known: Model | None, other: Model) -> Model:
    """Return the one of two that wrote an event last; if neither did since, the one that served last, or the first."""
    return other if known is None or _last(other) > _last(known) else known


def _last(model: Model) -> tuple[int, int]:
    return model.writer.revision, max((served.last for served in model.served.values()), default=0)


def _forget_counts(release: ReleaseState) -> None:
    release.requests = ()
    state = release.state
    if release.is_actionable:
        known = release.actionable
        known.shared, known.shared_values, known.producers = {}, {}, {}
    if isinstance(state, Promoted):
        state.first_served.clear()
    if isinstance(state, Withdrawn):
        state.cause = msgspec.structs.replace(state.cause, level=None)
