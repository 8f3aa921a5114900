"""How often a rollback that nobody obeys is called applied, when people hear of it, and how soon one that is obeyed is.

`python -m tests.bench.simulate_applied` prints the tables of tests/README.md; tests/laws/test_applied_simulated.py
holds the short form to what is wanted. What is simulated is the code itself, from the rollback to the deadline; beside
it the rule of three that begins anew at every pane with a request of the candidate. Seeded.
"""

from collections.abc import Callable

import msgspec
import numpy as np

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.release.cause import Cause
from operators.release.controller import new_model
from operators.release.model import Model, PaneContext
from operators.release.phase_states import RolledBack
from operators.release.returning import watch
from operators.release.state import ReleaseState
from operators.release.verification import follow_up
from operators.wire.control import ControlEvent, Evidence
from tests.releasing import BASE

POLICY: Policy = parse(BASE)
PANE_S = POLICY.pane_ms // 1_000
PANES = POLICY.releases.deadline_ms // POLICY.pane_ms
BEFORE = 30  # Panes that say what the candidate's share was.
CAUSE = Cause(rule="canary", runbook="", slices=(), evidence=Evidence())
# Of the candidate in a pane after the rollback, as a part of what it was.
Left = Callable[[int], float]


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """Of each run: when each was said [s after the rollback], -1 for never; what the rule of three would have said."""

    applied: Ints
    paged: Ints
    ticket: Ints
    recovered: Ints
    three: Ints

    def share(self, name: str) -> float:
        return float((getattr(self, name) >= 0).mean())

    def median(self, name: str) -> float:
        times = getattr(self, name)
        return float(np.quantile(np.where(times < 0, np.inf, times), 0.5, method="higher"))


def ignored(pane: int) -> float:
    return 1.0


def partly(pane: int) -> float:
    """One gateway of four does not hear."""
    return 0.25


def obeyed(after_s: int) -> Left:
    return lambda pane: 1.0 if pane * PANE_S < after_s else 0.0


def simulate(rate: float, share: float, left: Left, runs: int, seed: int = 1) -> Outcomes:
    """Play so many rollbacks at so many requests a second, of which the candidate had `share`."""
    random = np.random.default_rng(seed)
    told: list[list[int]] = [[], [], [], [], []]
    for _ in range(runs):
        lots = random.poisson(rate * PANE_S, (BEFORE + PANES))
        shares = np.array([share] * BEFORE + [share * left(pane) for pane in range(PANES)])
        came = random.binomial(lots, shares)
        before = came[:BEFORE].sum() / max(int(lots[:BEFORE].sum()), 1)
        events = _play(float(before), came[BEFORE:], lots[BEFORE:])
        times = [_first(events, "rollback_applied"), _first(events, "rollback_ineffective", "page")]
        times += [_first(events, "rollback_ineffective", "ticket"), _first(events, "recovered")]
        for each, time in zip(told, [*times, _rule_of_three(float(before), came[BEFORE:], lots[BEFORE:])], strict=True):
            each.append(time)
    columns = dict(zip(("applied", "paged", "ticket", "recovered", "three"), map(np.array, told), strict=True))
    return Outcomes(**columns)


def _play(share: float, came: Ints, lots: Ints) -> list[ControlEvent]:
    model = new_model("m")
    model.writer.pin = "v1"
    state = RolledBack(cause=CAUSE, detected=0, share=share)
    model.releases["v2"] = ReleaseState(candidate="v2", baseline="v1", since=0, state=state)
    events: list[ControlEvent] = []
    for pane in range(PANES):
        events += _pane(model, pane, int(came[pane]), int(lots[pane] - came[pane]))
    return events


def _pane(model: Model, pane: int, candidate: int, rest: int) -> list[ControlEvent]:
    at = PaneContext(policy=POLICY, pane=pane, requests={"v1": rest, "v2": candidate}, slis=lambda version, text: None)
    return follow_up(model, at) + watch(model, at)


def _first(events: list[ControlEvent], kind: str, severity: str | None = None) -> int:
    found = [event.ts // 1_000 for event in events if event.type == kind and severity in (None, event.severity)]
    return found[0] if found else -1


def _rule_of_three(share: float, came: Ints, lots: Ints) -> int:
    """Return when three requests of the candidate would have come since it had at most its 1 %."""
    mine = total = 0
    for pane in range(len(lots)):
        if not lots[pane]:
            continue
        mine, total = mine + int(came[pane]), total + int(lots[pane])
        if mine > POLICY.releases.applied_share * total:
            mine = total = 0
        elif not 0 < total * share < 3:
            return (pane + 1) * PANE_S
    return -1


def main(runs: int = 1_000) -> None:
    print("nobody obeys: applied, by the rule of three | applied, now | paged by the deadline | median of it [s]")
    for rate, share in NOBODY:
        out = simulate(rate, share, ignored, runs)
        said = f"{out.share('three'):.1%} | {out.share('applied'):.1%} | {out.share('paged'):.1%}"
        print(f"| {rate:g} requests/s, {share:.1%} | {said} | {out.median('paged'):g} |")
    print("one gateway of four does not, so more than 1 % stays: the same")
    for rate, share in SOMEBODY:
        out = simulate(rate, share, partly, runs)
        said = f"{out.share('three'):.1%} | {out.share('applied'):.1%} | {out.share('paged'):.1%}"
        print(f"| {rate:g} requests/s, {share:.1%} | {said} | {out.median('paged'):g} |")
    print("all obey after so long: median until applied [s], by the rule of three | now | by the deadline | paged")
    for rate, share in ((0.2, 0.5), (1, 0.5), (3, 0.1), (10, 0.05), (10, 0.5), (100, 0.1)):
        for after in (0, 20, 60):
            out = simulate(rate, share, obeyed(after), runs)
            said = f"{out.median('three'):g} | {out.median('applied'):g} | {out.share('applied'):.1%}"
            print(f"| {rate:g} requests/s, {share:.0%}, {after} s | {said} | {out.share('paged'):.1%} |")


NOBODY = ((0.2, 0.5), (1, 0.1), (3, 0.1), (10, 0.05), (10, 0.03), (10, 0.015), (10, 0.005), (100, 0.02), (100, 0.5))
SOMEBODY = ((1, 0.2), (10, 0.05), (10, 0.1), (10, 0.5), (100, 0.05))

if __name__ == "__main__":
    main()
