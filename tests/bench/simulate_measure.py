"""False alarms of rules on measures while the true value is within its limit: by the value alone, and by its bound.

Latencies are log-normal, their true p95 at 85 % of the limit; requests are Poisson; the rule is the default one (p95
over 5 m, sliding by 10 s, for 10 m, at least 100 values). Run: python -m tests.bench.simulate_measure
"""

import sys

import numpy as np

from operators.window.bounds import most

PANES, RUN, N_MIN = 30, 60, 100  # Panes of 10 s in the window; ends of it in 10 m; values.
SIGMA = 1.0  # Of the logarithm.
P95 = 1.6448536269514722


def alarms(rate: float, ratio: float, weeks: float, seed: int) -> tuple[int, int]:
    """Return how often an alarm begins in so many weeks: by the value alone, by its lower bound at 99 %."""
    rng = np.random.default_rng(seed)
    panes = int(weeks * 7 * 8_640)
    n = rng.poisson(rate * 10, panes)
    # Of each value only matters whether it is above the limit, and for the p95 itself where it stands among others.
    above = rng.binomial(n, 1.0 - _below(1.0 / ratio))
    total, over = (np.convolve(each, np.ones(PANES, int))[: len(each)] for each in (n, above))
    enough = total >= N_MIN
    # The p95 is above the limit where more than a twentieth is; its bound, where so many are that 5 % would be rare.
    by_value = enough & (over > 0.05 * (total - 1) + 1e-9)
    by_bound = enough & (over > total - 1 - most(total, 0.95, 0.01))
    return _begun(by_value, enough), _begun(by_bound, enough)


def _below(factor: float) -> float:
    """Return the share of values below the limit, which is so many times the true p95."""
    from scipy.special import ndtr  # noqa: PLC0415  # Only here.

    return float(ndtr(P95 + np.log(factor) / SIGMA))


def _begun(
    beyond: np.ndarray[tuple[int], np.dtype[np.bool_]], enough: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> int:
    """Count alarms: beyond at each end for ten minutes; over when within for as long."""
    run, bad, count = 0, False, 0
    for is_beyond, is_enough in zip(beyond.tolist(), enough.tolist(), strict=True):
        if is_enough:
            run = run + 1 if is_beyond != bad else 0
            if run > RUN:
                bad, run = not bad, 0
                count += bad
    return count


def main() -> None:
    weeks = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    print("requests/s  true p95 / limit  false alarms a week: by the value, by its bound")
    for rate in (0.4, 1.0, 5.0):
        for ratio in (0.85, 0.95):
            value, bound = alarms(rate, ratio, weeks, seed=1)
            print(f"{rate:10}  {ratio:16}  {value / weeks:.2f}, {bound / weeks:.2f}")


if __name__ == "__main__":
    main()
