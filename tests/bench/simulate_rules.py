"""How often rules on SLOs are wrong, and how soon they are right: thousands of made weeks, one slot each.

`python -m tests.bench.simulate_rules` prints the table of tests/README.md; tests/laws/test_rules_simulated.py holds the
short form to the numbers that are wanted.
"""

from collections.abc import Callable

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.policy_file.toml import parse
from operators.rules.burn_rate import BurnRateEvaluator
from operators.rules.burn_rate_keys import BurnRate
from operators.rules.threshold import Threshold, ThresholdEvaluator
from operators.rules.verdict import Evaluator
from tests.judged import POLICY, M, pane_of, policy, sre, versions

WEEK = 60_480  # Panes of 10 s.
SLO = Threshold(name="slo", sli="ok", target=0.95, window_ms=5 * M, for_ms=10 * M)
MINUTES = parse(POLICY.replace('pane = "10s"', 'pane = "1m"').replace('every = "10s"', 'every = "1m"'))
Chance = Callable[[int], float]


class Alarms(msgspec.Struct, frozen=True, kw_only=True):
    """What was told in so many `panes` of each series: each BAD, those that page, the pane of the first (-1: none)."""

    panes: int
    count: int
    pages: int
    first: Ints

    def a_week(self, pane_s: int = 10) -> float:
        return self.count / self._weeks(pane_s)

    def pages_a_week(self, pane_s: int = 10) -> float:
        return self.pages / self._weeks(pane_s)

    def _weeks(self, pane_s: int) -> float:
        return len(self.first) * self.panes * pane_s / 604_800

    def minutes(self, quantile: float, pane_s: int = 10) -> float:
        """Return by when this share of the series had been found, infinite if it was not."""
        found = np.where(self.first < 0, np.inf, (self.first + 1) * pane_s / 60)
        return float(np.quantile(found, quantile, method="higher"))

    def within(self, minutes: float, pane_s: int = 10) -> float:
        """Return the share of the series that had been found by then."""
        return float(((self.first >= 0) & ((self.first + 1) * pane_s <= minutes * 60)).mean())


def simulate(
    rule: Evaluator, runs: int, panes: int, rate_of_pane: float, bad: Chance, seed: int, severity: str | None = None
) -> Alarms:
    """Return the alarms of so many series whose events are Poisson, and bad with a chance that depends on the pane."""
    random = np.random.default_rng(seed)
    names, slots = versions(runs), np.arange(runs)
    first, count, pages = np.full(runs, -1), 0, 0
    for number in range(panes):
        n = random.poisson(rate_of_pane, runs)
        failed = random.binomial(n, bad(number))
        for verdict in rule.step(pane_of(number, slots, n - failed, failed), [], names):
            if verdict.word == "BAD" and severity in (None, verdict.severity):
                count, pages = count + 1, pages + (verdict.severity == "page")
                slot = int(verdict.series.version[1:])
                first[slot] = number if first[slot] < 0 else first[slot]
    return Alarms(panes=panes, count=count, pages=pages, first=first)


def threshold_false(rate: float, runs: int, panes: int, seed: int = 1, bad: float = 0.03) -> float:
    """Return the alarms a week at a true 97 % and a target of 95 %, at so many requests a second."""
    rule = ThresholdEvaluator(SLO, policy())
    return simulate(rule, runs, panes, rate * 10, lambda pane: bad, seed).a_week()


def threshold_found(rate: float, runs: int, seed: int = 2, bad: float = 0.15) -> Alarms:
    """Return when a fall from 97 % to 85 % is found, in panes from the fall."""
    rule = ThresholdEvaluator(SLO, policy())
    quiet = 60
    found = simulate(rule, runs, quiet + 180, rate * 10, lambda pane: bad if pane >= quiet else 0.03, seed)
    return msgspec.structs.replace(found, first=np.where(found.first < 0, -1, found.first - quiet))


def bare_false(rate: float, runs: int, panes: int, seed: int = 1) -> float:
    """Return the alarms a week of the ratio alone, below the target for the whole time: what others do."""
    random = np.random.default_rng(seed)
    n = random.poisson(rate * 10, (panes, runs))
    failed = random.binomial(n, 0.03)
    below = _over(failed, 30) > 0.05 * np.maximum(_over(n, 30), 1)
    alarm = _over(below.astype(np.int64), 61) == 61
    return float((alarm[1:] & ~alarm[:-1]).sum() / runs / (panes / WEEK))


def _over(values: Ints, panes: int) -> Floats:
    """Return sums over the last so many panes."""
    sums = np.vstack([np.zeros((1, values.shape[1]), np.int64), values.cumsum(axis=0)])
    start = np.maximum(np.arange(1, len(sums)) - panes, 0)
    return np.asarray(sums[1:] - sums[start])


def burn(
    rule: BurnRate, rate: float, runs: int, days: float, bad: Chance, seed: int, severity: str | None = None
) -> Alarms:
    """Return the alarms of a burn-rate rule at so many requests a second, in panes of a minute."""
    evaluator = BurnRateEvaluator(rule, MINUTES)
    return simulate(evaluator, runs, round(days * 1_440), rate * 60, bad, seed, severity)


def main() -> None:
    weeks = 200
    print("threshold, true 97 %, target 95 %, 5 m for 10 m: false alarms a week; of the ratio alone")
    for rate in (0.05, 0.1, 0.5, 1, 5):
        print(f"| {rate} requests/s | {threshold_false(rate, weeks, WEEK):.3f} | {bare_false(rate, 40, WEEK):.1f} |")
    print("threshold, 97 % falls to 85 %: minutes until half and 99 % are found, share found in 15")
    for rate in (0.5, 1, 5, 50):
        found = threshold_found(rate, 2_000)
        print(f"| {rate} requests/s | {found.minutes(0.5):.1f} | {found.minutes(0.99):.1f} | {found.within(15):.2%} |")
    print("burn rate, 99.9 % over 30 d: false alarms a week with 0.05 % bad, half of what the budget allows")
    for rate in (10 / 3_600, 0.1, 1, 10):
        alarms = burn(sre(0.999), rate, 200, 7, lambda pane: 0.0005, 3)
        print(f"| {rate:.3g} requests/s | all {alarms.a_week(60):.3f} | pages {alarms.pages_a_week(60):.3f} |")
    print("burn rate, 99.9 %: minutes until half and 99 % page")
    for rate, bad in ((0.5, 0.9), (0.5, 0.1), (10 / 3_600, 0.9)):
        found = burn(sre(0.999), rate, 200, 1, lambda pane, bad=bad: bad, 4, "page")  # type: ignore[misc]
        print(
            f"| {rate:.3g} requests/s, {bad:.0%} bad | {found.minutes(0.5, 60):.0f} | {found.minutes(0.99, 60):.0f} |"
        )
    found = burn(sre(0.999), 10 / 3_600, 200, 7, lambda pane: 0.01, 5)
    print(f"burn rate, 10 an hour, 1 % bad: half are found in {found.minutes(0.5, 60) / 60:.0f} h")


if __name__ == "__main__":
    main()
