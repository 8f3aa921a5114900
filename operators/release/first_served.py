"""Slices that a version serves only since its promotion, against what its baseline had there before.

A version passes on the traffic that it served. One that was let into some rings (`Release.rings`), or past slices for
which the policy does not hold a promotion (`unserved = "promote"`), serves other slices once it is promoted, and
nothing is known about it there. For a day each such slice is compared like a release that replaced its baseline at once
(`cutover.py`): only large harm counts, beyond what the baseline had in that slice since the release began, by SLIs on
events, in blips in which the baseline serves hardly any of the slice. What is found is BAD by the canary rule,
`historical` in its evidence, and leads to `cutover_action`. The slices of a rule share the alpha of a cut-over.
"""

import math
from collections.abc import Iterator, Mapping

from operators.policy.rules import ReleaseRule
from operators.release.cutover import LASTS_MS, Beyond
from operators.release.historical import Past, most_allowed
from operators.release.historical_evidence import historical_evidence
from operators.release.model import CanaryFinding, Model, PaneContext
from operators.release.phase_states import Promoted
from operators.release.replaced import FirstServed
from operators.release.state import ReleaseState
from operators.release.traffic import Counted
from operators.rules import alpha as alphas
from operators.rules.canary_state import BLIP_CAP
from operators.window.partial import BAD, GOOD
from operators.wire.control import Affected


def first_served(at: PaneContext, finding: CanaryFinding) -> dict[str, FirstServed]:
    """Return, by slice, what is known about the slices that a passing candidate has not served."""
    names = [sli.name for sli in at.policy.slis]
    return {
        each.slice: FirstServed(
            dims=dict(each.dims),
            usual={names.index(sli): counted for sli, counted in each.counts.items()},
            until=at.ts + LASTS_MS,
        )
        for each in finding.elsewhere()
    }


def compare_first_served(model: Model, at: PaneContext) -> Iterator[Beyond]:
    """Take the pane; yield every such slice in which a promoted version is far worse than its baseline was."""
    for release in model.releases.values():
        state = release.state
        if not isinstance(state, Promoted):
            continue
        for rule in at.policy.rules:
            slices = state.first_served.get(rule.name, {}) if isinstance(rule, ReleaseRule) else {}
            for text, known in list(slices.items()):
                if at.ts > known.until:
                    del slices[text]
                elif isinstance(rule, ReleaseRule):
                    new = _take(at, release, rule, text, known, len(slices))
                    if known.found:
                        found = tuple(known.found[sli] for sli in sorted(known.found))
                        yield Beyond(rule=rule, release=release, slices=found, new=new, dims=known.dims)


def _take(at: PaneContext, release: ReleaseState, rule: ReleaseRule, text: str, known: FirstServed, ways: int) -> bool:
    """Add the pane; return whether the slice is newly BAD."""
    panes = max(rule.blip_ms // at.policy.pane_ms, 1)
    number, place = divmod(at.pane, panes)
    new = False
    if number != known.blip:
        new = _end(at, release, rule, text, known, ways)
        known.begin(number, at.pane)
    known.add(_counts(at, release.candidate, text, known.usual), _counts(at, release.baseline, text, known.usual))
    if place == panes - 1:
        new |= _end(at, release, rule, text, known, ways)
        known.begin(number + 1, at.pane + 1)
    return new


def _counts(at: PaneContext, version: str, text: str, slis: Mapping[int, object]) -> dict[int, Counted]:
    came = at.slis(version, text)
    return {} if came is None else {sli: (int(came[sli, GOOD]), int(came[sli, BAD])) for sli in slis}


def _end(at: PaneContext, release: ReleaseState, rule: ReleaseRule, text: str, known: FirstServed, ways: int) -> bool:
    """End the running blip; it counts for each SLI of which the baseline had hardly any events in it."""
    alpha = alphas.of_cutover(rule) * alphas.portion(release.attempt) / (len(rule.slis) * ways)
    log_cap = math.log(BLIP_CAP) if rule.blip_ms else math.inf
    new = False
    for sli, (good, bad) in known.counts.items():
        most = most_allowed([known.usual[sli]], [], rule.cutover_tolerance, rule.cutover_points)
        others = sum(known.others.get(sli, (0, 0)))
        if most is None or not good + bad or others > at.policy.releases.applied_share * (good + bad + others):
            continue
        past = known.past.get(sli) or Past(since=known.first)
        past = known.past[sli] = past.step(good, bad, most, log_cap)
        if past.peak >= -math.log(alpha) and sli not in known.found:
            why = f"served since the promotion alone: compared with what {release.baseline} had there before"
            usual, every_way = known.usual[sli], rule.alpha / alpha
            evidence = historical_evidence(at, release, sli, past, usual, most, every_way, why)
            known.found[sli] = Affected(slice=text, verdict="BAD", evidence=evidence)
            new = True
    return new
