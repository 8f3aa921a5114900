"""Versions that no release is about: the first of a model, the only one, the busiest when the worker began.

A rule that throttles, rolls back or kills acts on whatever serves. As long as such a rule is BAD on a version
without a release, the version has a `ReleaseState` of its own, in which it is compared with nothing.
"""

from operators.policy.rules import Action, ReleaseRule, Rule
from operators.release.machine import accuse, end
from operators.release.model import Model, PaneContext
from operators.release.phase_states import Serving
from operators.window.partial import OTHER
from operators.window.series_index import ALL_VERSIONS
from operators.wire.mirrored import is_mirrored

ACTS: tuple[Action, ...] = ("throttle", "rollback", "kill")


def attend(model: Model, at: PaneContext) -> None:
    """Begin phase `serving` for versions without a release on which a rule that acts is BAD; end it where none is."""
    acting = {rule.name for rule in at.policy.rules if acts(rule)}
    harmful = {version for name, version in model.bad if name in acting}
    for version in sorted(harmful - {OTHER, ALL_VERSIONS, *model.releases, *model.overridden}):
        served = model.served.get(version)
        if served is not None and not is_mirrored(version):
            accuse(model, version, served.first)
    for version, release in list(model.releases.items()):
        state = release.state
        if isinstance(state, Serving) and version not in harmful and not (state.holds or state.held):
            end(model, version)


def acts(rule: Rule) -> bool:
    """Tell whether a rule acts on a version by itself, without comparing two."""
    return not isinstance(rule, ReleaseRule) and rule.action in ACTS
