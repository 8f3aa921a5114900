"""Where the traffic of a withdrawn version may go: to its baseline, to what the policy names, or nowhere.

What the policy names (`fallback`, of a rule or of a model) is a version, or something else that the gateway knows by
that name, such as a heuristic: it need not have served. A version without a baseline may also be exchanged for another
that serves and surely does better by the rule's SLI; in an outage of all versions none is better.
"""

from fnmatch import fnmatchcase

import numpy as np

from operators.policy.releases import Releases
from operators.policy.rules import Action, Rule
from operators.release.model import Model, PaneContext
from operators.release.state import ReleaseState
from operators.release.traffic import RECENT, Counted, Served, bucket_of
from operators.spans import HOUR_MS
from operators.stats.binomial import lower_bound, upper_bound
from operators.window.partial import OTHER
from operators.wire.control import Evidence
from operators.wire.mirrored import is_mirrored

MILD: tuple[Action, ...] = ("alert", "hold")  # Such a rule acts on promotions, not on traffic.
ALPHA = 0.01  # Of each of the bounds by which two versions are compared.


def fallback_of(rule: Rule | None, releases: Releases, model: str) -> str:
    """Return "hold", "kill" or a name: what the rule says, or if that is "hold", what its model's `fallback` is."""
    if rule is not None and rule.fallback != "hold":
        return rule.fallback
    return next((named for pattern, named in releases.fallback.items() if fnmatchcase(model, pattern)), "hold")


def named_refuge(model: Model, at: PaneContext, release: ReleaseState, rule: Rule | None) -> str | None:
    """Return what the policy names to go to, None if it names nothing fit."""
    named = fallback_of(rule, at.policy.releases, model.writer.model)
    if named in ("hold", "kill", release.candidate) or harms(model, at, named) is not None:
        return None
    return named


def refuge_of(
    model: Model, at: PaneContext, release: ReleaseState, rule: Rule, evidence: Evidence
) -> tuple[str | None, str]:
    """Return where the traffic of a version may go, or None with the reason."""
    why = unfit(model, at, release.baseline) if release.baseline else None
    if release.baseline and why is None:
        return release.baseline, ""
    named = named_refuge(model, at, release, rule)
    if named is not None:
        return named, ""
    return (None, why) if why is not None else _better(model, at, release, evidence)


def usual_refuge(model: Model, at: PaneContext, release: ReleaseState) -> str | None:
    """Return where a version's traffic goes if somebody takes it out: where rules send it, or to the busiest other."""
    if release.baseline and unfit(model, at, release.baseline) is None:
        return release.baseline
    fit = (name for name, _ in _others(model, at, release.candidate) if unfit(model, at, name) is None)
    return named_refuge(model, at, release, None) or next(fit, None)


def unfit(model: Model, at: PaneContext, version: str) -> str | None:
    """Return why traffic cannot go back to a version, None if it can.

    Unfit: not known, that is, without a request within the policy's `known`; rolled back or killed itself, with no
    override that lets it run; or BAD on all traffic by a rule that pages or acts. A leak that only makes a ticket is no
    reason to leave users with something worse.
    """
    if version not in model.served or version == OTHER:
        return f"{version} is not known: it has not served within {at.policy.releases.known_ms / HOUR_MS:g} h"
    return harms(model, at, version)


def others_serve(model: Model, at: PaneContext, version: str) -> bool:
    """Tell whether another version that may serve had requests in the last minutes."""
    return bool(_others(model, at, version))


def recently(at: PaneContext) -> int:
    """Return the first bucket of the last minutes."""
    return bucket_of(at.pane, at.policy.pane_ms) - RECENT + 1


def harms(model: Model, at: PaneContext, version: str) -> str | None:
    """Return why traffic should leave a version, None if nothing says so."""
    other = model.releases.get(version)
    if other is not None and other.withdrawn:
        return f"{version} was withdrawn itself"
    rule = why_bad(model, at, version)
    return None if rule is None else f"{version} is BAD itself, by {rule}"


def why_bad(model: Model, at: PaneContext, version: str) -> str | None:
    """Return a rule that pages or acts and is BAD on all traffic of a version; None without any."""
    grave = {rule.name for rule in at.policy.rules if rule.severity == "page" or rule.action not in MILD}
    for (rule, bad), slices in model.bad.items():
        whole = [each for each in slices.values() if each.series.text == "*"]
        if bad == version and whole and (rule in grave or any(each.severity == "page" for each in whole)):
            return rule
    return None


def _others(model: Model, at: PaneContext, version: str) -> list[tuple[str, Served]]:
    """Return the other versions that may serve and had requests lately, the busiest first."""
    since = recently(at)
    barred = {version, OTHER, *model.barred, *filter(is_mirrored, model.served)}
    found = [(-each.requests(since), name, each) for name, each in model.served.items() if name not in barred]
    return [(name, each) for requests, name, each in sorted(found, key=lambda one: one[:2]) if requests]


def _better(model: Model, at: PaneContext, release: ReleaseState, evidence: Evidence) -> tuple[str | None, str]:
    """Return the busiest other version that is fit and surely better since the harm began."""
    others, mine = _others(model, at, release.candidate), model.served.get(release.candidate)
    if not others or mine is None:
        return None, "there is nothing to go back to: no other version serves, and the policy names no fallback"
    names = [sli.name for sli in at.policy.slis]
    why = f"it is not sure that {others[0][0]} does better, and the policy names no fallback"
    for name, served in others:
        harms = unfit(model, at, name)
        if harms is not None:
            why = harms
        elif evidence.sli is not None:
            sli = names.index(evidence.sli)
            onset = evidence.since
            since = recently(at) if onset is None else bucket_of(onset // at.policy.pane_ms, at.policy.pane_ms)
            if _surely_worse(mine.counts(sli, since=since), served.counts(sli, since=since)):
                return name, ""
    return None, why


def _surely_worse(mine: Counted, other: Counted) -> bool:
    """Tell whether the first surely has the higher ratio of bad events: Clopper-Pearson, each bound at ALPHA."""
    if not (sum(mine) and sum(other)):
        return False
    lowest = lower_bound(np.array([mine[1]]), np.array([sum(mine)]), ALPHA)[0]
    return bool(lowest > upper_bound(np.array([other[1]]), np.array([sum(other)]), ALPHA)[0])
