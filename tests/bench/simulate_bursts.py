"""How often a release that is as good as its baseline is rolled back, where failures are no independent coins.

`python -m tests.bench.simulate_bursts` prints the table of docs/figures.md: the share of runs that are ever BAD within
three hours, with every pane counted in full and with blips of a minute, capped. alpha = 0.05 for one SLI. Seeded.
"""

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from operators.verdict.canary_rule import BLIP_CAP
from operators.verdict.e_process import EProcesses
from operators.window.partial import Floats, Ints
from tests.bench.simulate_canary import WORSE_RATIOS

ALPHA = 0.05
PANE_S, PANES, BLIP = 10, 1_080, 6
WARM_UP = 6  # Panes of the candidate that the default policy leaves out.
BASE = 0.02

# What both arms of each run served in a pane: n_c, x_c, n_b, x_b by stratum, (runs, strata, 4).
Draw = Callable[[np.random.Generator, int], Ints]


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` requests a second, of which the candidate gets `share`."""

    rate: float
    share: float
    runs: int

    def requests(self, random: np.random.Generator) -> Ints:
        """Return the requests of both arms in a pane, (2, runs)."""
        shares = np.array([[self.share], [1 - self.share]])
        return random.poisson(self.rate * PANE_S * shares, (2, self.runs))


def coins(traffic: Traffic, ratio: Callable[[np.random.Generator, int], Floats]) -> Draw:
    """Failures one by one, with a ratio of each arm and run that is drawn for each pane, (2, runs)."""

    def draw(random: np.random.Generator, pane: int) -> Ints:
        ratios = ratio(random, pane)
        n = traffic.requests(random)
        return pairs(n, random.binomial(n, ratios))

    return draw


def pairs(n: Ints, x: Ints) -> Ints:
    """Return n_c, x_c, n_b, x_b of one stratum, (runs, 1, 4), from (2, runs) each."""
    return np.stack((n[0], x[0], n[1], x[1]), axis=1)[:, None]


def steady(traffic: Traffic, ratio: float = 0.05) -> Draw:
    return coins(traffic, lambda random, pane: np.full((2, traffic.runs), ratio))


def cycle(traffic: Traffic) -> Draw:
    return coins(traffic, lambda random, pane: np.full((2, traffic.runs), 0.05 * (1 + 0.8 * math.sin(pane / 57))))


def outages(traffic: Traffic, seconds: float, *, shared: bool) -> Draw:
    """Half of the requests fail for so long, about once an hour, in each arm at its own time or in both at once."""
    after: list[Floats] = []

    def ratio(random: np.random.Generator, pane: int) -> Floats:
        if not after:
            after.append(random.exponential(3_600, (2, traffic.runs)))
        begin = after[0][:1].repeat(2, axis=0) if shared else after[0]
        now = pane * PANE_S
        hit = np.clip(np.minimum(begin + seconds, now + PANE_S) - np.maximum(begin, now), 0, PANE_S) / PANE_S
        over = begin + seconds <= now + PANE_S
        after[0] = np.where(over, begin + seconds + random.exponential(3_600, begin.shape), begin)
        return np.asarray(BASE + (0.5 - BASE) * hit)

    return coins(traffic, ratio)


def clumped(traffic: Traffic, rho: float) -> Draw:
    """The ratio of each pane and arm is drawn from a beta distribution around 5 %: correlation rho within a pane."""
    a, b = 0.05 * (1 / rho - 1), 0.95 * (1 / rho - 1)
    return coins(traffic, lambda random, pane: random.beta(a, b, (2, traffic.runs)))


def wandering(traffic: Traffic) -> Draw:
    """The log-odds of each arm wander by themselves: AR(1) with .99 a pane, standard deviation .3."""
    at: list[Floats] = []

    def ratio(random: np.random.Generator, pane: int) -> Floats:
        noise = random.normal(0, 0.3, (2, traffic.runs))
        at[:] = [0.99 * at[0] + math.sqrt(1 - 0.99**2) * noise] if at else [noise]
        return np.asarray(1 / (1 + 19 * np.exp(-at[0])))

    return coins(traffic, ratio)


def retried(traffic: Traffic, again: float) -> Draw:
    """A request that failed is tried twice more, each failing with chance `again`."""

    def draw(random: np.random.Generator, pane: int) -> Ints:
        n = traffic.requests(random)
        first = random.binomial(n, 0.05)
        second = random.binomial(first, again)
        third = random.binomial(second, again)
        return pairs(n + first + second, first + second + third)

    return draw


def repeated(traffic: Traffic, times: int) -> Draw:
    """Every event is delivered several times, as to a partition that cannot tell."""
    once = steady(traffic)
    return lambda random, pane: once(random, pane) * times


def cold(traffic: Traffic) -> Draw:
    """The candidate's first minute fails with 30 %; the policy's `warm_up` leaves it out."""

    def ratio(random: np.random.Generator, pane: int) -> Floats:
        return np.array([[0.3 if pane < WARM_UP else 0.05], [0.05]]) + np.zeros(traffic.runs)

    return coins(traffic, ratio)


def mixed(traffic: Traffic) -> Draw:
    """Two slices, one of which fails with 30 % in either arm; the candidate has 40 % of it, the baseline 20 %."""

    def draw(random: np.random.Generator, pane: int) -> Ints:
        n = traffic.requests(random)
        hard = random.binomial(n, [[0.4], [0.2]])
        return np.concatenate([pairs(m, random.binomial(m, p)) for m, p in ((hard, 0.3), (n - hard, 0.02))], axis=1)

    return draw


CASES: dict[str, Callable[[Traffic], Draw]] = {
    "coins at 5 %": steady,
    "a daily cycle": cycle,
    "shared outages of 120 s": lambda traffic: outages(traffic, 120, shared=True),
    "own outages of 10 s": lambda traffic: outages(traffic, 10, shared=False),
    "own outages of 30 s": lambda traffic: outages(traffic, 30, shared=False),
    "own outages of 60 s": lambda traffic: outages(traffic, 60, shared=False),
    "own outages of 120 s": lambda traffic: outages(traffic, 120, shared=False),
    "beta-binomial, rho .01": lambda traffic: clumped(traffic, 0.01),
    "beta-binomial, rho .05": lambda traffic: clumped(traffic, 0.05),
    "two retries failing with .7": lambda traffic: retried(traffic, 0.7),
    "every event three times": lambda traffic: repeated(traffic, 3),
    "a cold start of 60 s": cold,
    "another mix of slices": mixed,
    "each arm wanders by itself": wandering,
}


def false_rollbacks(
    make: Callable[[Traffic], Draw], traffic: Traffic, *, blip: int, cap: float, seed: int = 1
) -> float:
    """Return the share of runs that are ever BAD. With a blip the first minute of the candidate is left out."""
    random, draw = np.random.default_rng(seed), make(traffic)
    processes = EProcesses(1.0, 1.5, cap=cap, ratios=WORSE_RATIOS)
    processes.grow(traffic.runs)
    pending: Ints = np.zeros(0, np.int64)
    for pane in range(PANES):
        came = draw(random, pane)
        if blip > 1 and pane < WARM_UP:
            continue
        pending = came if pane % blip == 0 or not len(pending) else pending + came
        if pane % blip == blip - 1:
            which = np.repeat(np.arange(traffic.runs), came.shape[1])
            processes.step(pane, which, pending.reshape(-1, 4), blip)
    return float((processes.log_e_peak >= -math.log(ALPHA)).mean())


def show(rates: Sequence[float] = (2, 10, 100), shares: Sequence[float] = (0.1, 0.5), runs: int = 100) -> None:
    places = [(rate, share) for rate in rates for share in shares]
    heads = ["false rollbacks, % in full / in blips", *(f"{rate:g}/s, {share:.0%}" for rate, share in places)]
    print(f"| {' | '.join(heads)} |")
    print("|---" * len(heads) + "|")
    for name, make in CASES.items():
        cells = []
        for rate, share in places:
            traffic = Traffic(rate=rate, share=share, runs=runs)
            full = false_rollbacks(make, traffic, blip=1, cap=math.inf)
            capped = false_rollbacks(make, traffic, blip=BLIP, cap=BLIP_CAP)
            cells.append(f"{100 * full:.0f} / {100 * capped:.0f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    show()
