"""What time alone does to a model without new items: its pane is known beforehand, so no pane before it is needed.

A release is forgotten `known` after its candidate last served; a verdict from before a release began counts against it
once it has outlasted its window; what waits for the end of a cool-down is done then. Without these panes all this would
happen with the next item of any model of the shard, and so depend on which models share a shard.
"""

from collections.abc import Iterable, Iterator

from operators.policy.policy import Policy
from operators.policy.rules import ReleaseRule
from operators.release.model import Model
from operators.release.state import ReleaseState
from operators.rules.verdict import Verdict
from operators.window.watermark import END


def next_by_time(models: Iterable[Model], policy: Policy, after: int) -> int:
    """Return the first pane after this one in which time alone may change something; `END` if there is none."""
    return min((pane for model in models for pane in _panes(model, policy) if pane > after), default=END)


def _panes(model: Model, policy: Policy) -> Iterator[int]:
    if model.cooled:
        yield -(-model.cooled // policy.pane_ms) - 1
    for release in model.releases.values():
        if not (release.unseen or release.withdrawn):
            served = model.served.get(release.candidate)
            last = release.since if served is None else max(release.since, served.last)
            yield last + policy.releases.known_ms // policy.pane_ms + 1
        if model.bad and release.is_actionable:
            yield from _outlasting(model, policy, release)


def _outlasting(model: Model, policy: Policy, release: ReleaseState) -> Iterator[int]:
    """Yield when verdicts from before a release begin to count against it (`actions.verdicts_in_force`)."""
    for rule in policy.rules:
        if not isinstance(rule, ReleaseRule):
            for verdict in model.bad.get((rule.name, release.candidate), {}).values():
                if verdict.pane < release.since:
                    yield release.since + outlasts_ms(verdict, rule.lasting_ms) // policy.pane_ms


def outlasts_ms(verdict: Verdict, lasting_ms: int) -> int:
    """Return how long after a release began an earlier verdict starts to count: its window, and a little more."""
    return (verdict.evidence.window_ms or 0) + lasting_ms
