"""How often a release that is as good as its baseline is rolled back, where failures are no independent coins.

`make figures` (`python -m tests.bench.simulate_bursts`) prints the tables of docs/figures.md: the share of runs that
are ever called worse within three hours, and how soon true harm is found; with blips of a minute as in the default
policy, with every pane counted in full, and by what others use on the same streams. alpha = 0.05 for one SLI. Seeded.
"""

import math
import sys
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.rules.canary_state import BLIP_CAP
from operators.stats.e_process import EProcesses
from operators.stats.multiple_testing import Bools
from tests.bench import rivals
from tests.bench.simulate_canary import WORSE_RATIOS

ALPHA = 0.05
PANE_S, PANES, BLIP = 10, 1_080, 6
WARM_UP = 6  # Panes of the candidate that the default policy leaves out.
BASE = 0.02
SESSION = 5  # Requests of a session in a pane.
CHECKS = (360, 720, 1_080)  # Panes after which the fixed checks look.

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


def ramped(traffic: Traffic) -> Draw:
    """The share of the candidate rises from a tenth of what it is to have to all of it in two hours; ratios cycle."""

    def draw(random: np.random.Generator, pane: int) -> Ints:
        share = traffic.share * min(0.1 + 0.9 * pane / 720, 1.0)
        n = msgspec.structs.replace(traffic, share=share).requests(random)
        return pairs(n, random.binomial(n, 0.05 * (1 + 0.8 * math.sin(pane / 57))))

    return draw


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


def retried(traffic: Traffic, again: float, *, once: bool = False) -> Draw:
    """A request that failed is tried twice more, each failing with chance `again`; or each request counts `once`."""

    def draw(random: np.random.Generator, pane: int) -> Ints:
        n = traffic.requests(random)
        first = random.binomial(n, 0.05)
        if once:
            return pairs(n, first)
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


def sessions(traffic: Traffic, correlation: float, *, once: bool = False) -> Draw:
    """Sessions of five requests in a pane, whose failures at 5 % go together; or each session counts `once`."""
    a, b = 0.05 * (1 / correlation - 1), 0.95 * (1 / correlation - 1)

    def draw(random: np.random.Generator, pane: int) -> Ints:
        n = msgspec.structs.replace(traffic, rate=traffic.rate / SESSION).requests(random)
        owner = np.repeat(np.arange(n.size), n.ravel())
        bad = random.binomial(SESSION, random.beta(a, b, len(owner)))
        if once:
            return pairs(n, np.bincount(owner[bad > 0], minlength=n.size).reshape(n.shape))
        return pairs(n * SESSION, np.bincount(owner, weights=bad, minlength=n.size).astype(np.int64).reshape(n.shape))

    return draw


def harmed(traffic: Traffic, base: float, times: float, onset: int = 0) -> Draw:
    """The candidate fails so many times as often, from a pane on."""

    def ratio(random: np.random.Generator, pane: int) -> Floats:
        return np.array([[base * (times if pane >= onset else 1.0)], [base]]) + np.zeros(traffic.runs)

    return coins(traffic, ratio)


CASES: dict[str, Callable[[Traffic], Draw]] = {
    "coins at 5 %": steady,
    "a cycle of an hour": cycle,
    "shared outages of 120 s": lambda traffic: outages(traffic, 120, shared=True),
    "own outages of 10 s": lambda traffic: outages(traffic, 10, shared=False),
    "own outages of 30 s": lambda traffic: outages(traffic, 30, shared=False),
    "own outages of 60 s": lambda traffic: outages(traffic, 60, shared=False),
    "own outages of 120 s": lambda traffic: outages(traffic, 120, shared=False),
    "beta-binomial, rho .01": lambda traffic: clumped(traffic, 0.01),
    "beta-binomial, rho .05": lambda traffic: clumped(traffic, 0.05),
    "two retries failing with .7": lambda traffic: retried(traffic, 0.7),
    "two retries failing with .95": lambda traffic: retried(traffic, 0.95),
    "the same, with `attempt`": lambda traffic: retried(traffic, 0.95, once=True),
    "sessions of 5, correlation .3": lambda traffic: sessions(traffic, 0.3),
    "the same, with `session_id`": lambda traffic: sessions(traffic, 0.3, once=True),
    "every event three times": lambda traffic: repeated(traffic, 3),
    "a cold start of 60 s": cold,
    "another mix of slices": mixed,
    "each arm wanders by itself": wandering,
}

# What moves for both versions alike, beside the cases above: a table of its own, by our evidence alone.
ALIKE: dict[str, Callable[[Traffic], Draw]] = {
    "a cycle of an hour, and a ramp of the share": ramped,
    "shared outages of 10 s": lambda traffic: outages(traffic, 10, shared=True),
    "shared outages of 30 s": lambda traffic: outages(traffic, 30, shared=True),
}


class Ours:
    """The evidence of all runs: `blip` panes to a block, each capped; those before `skipped` are left out."""

    def __init__(self, runs: int, *, blip: int, cap: float, skipped: int) -> None:
        self._processes = EProcesses(1.0, 1.5, cap=cap, ratios=WORSE_RATIOS)
        self._processes.grow(runs)
        self._blip, self._skipped = blip, skipped
        self._pending: Ints = np.zeros(0, np.int64)

    def worse(self, pane: int, came: Ints) -> Bools:
        """Take what came in a pane, (runs, strata, 4); return which runs have ever been BAD."""
        if pane >= self._skipped:
            self._pending = self._pending + came if len(self._pending) else came
            if pane % self._blip == self._blip - 1:
                which = np.repeat(np.arange(len(came)), came.shape[1])
                self._processes.step(pane, which, self._pending.reshape(-1, 4), self._blip)
                self._pending = np.zeros(0, np.int64)
        return np.asarray(self._processes.log_e_peak >= -math.log(ALPHA))


def in_blips(runs: int) -> Ours:
    return Ours(runs, blip=BLIP, cap=BLIP_CAP, skipped=WARM_UP)


def in_full(runs: int) -> Ours:
    return Ours(runs, blip=1, cap=math.inf, skipped=0)


METHODS = ("blips", "in full", "multinomial", "mSPRT", "GrowthBook", "3 checks")


def found(draw: Draw, traffic: Traffic, base: float, methods: Sequence[str] = METHODS, seed: int = 1) -> Floats:
    """Return by method and run the panes after which it was first called worse, (methods, runs); infinite for never."""
    random = np.random.default_rng(seed)
    ours = {"blips": in_blips(traffic.runs), "in full": in_full(traffic.runs)}
    total = np.zeros((traffic.runs, 4), np.int64)
    first = np.full((len(methods), traffic.runs), np.inf)
    for pane in range(PANES):
        came = draw(random, pane)
        total += came.sum(axis=1)
        for place, method in enumerate(methods):
            if method in ours:
                worse = ours[method].worse(pane, came)
            elif method == "multinomial":
                worse = rivals.multinomial(total, ALPHA, traffic.share)
            elif method == "mSPRT":
                worse = rivals.mixture_sprt(total, ALPHA, base)
            elif method == "GrowthBook":
                worse = rivals.growthbook(total, ALPHA)
            else:
                worse = rivals.fixed(total, ALPHA) & (pane + 1 in CHECKS)
            first[place, worse & np.isinf(first[place])] = pane + 1
        if np.isfinite(first).all():
            break
    return first


def false_rollbacks(name: str, traffic: Traffic, methods: Sequence[str] = METHODS) -> Floats:
    """Return the share of runs that each method ever calls worse, (methods,)."""
    return np.asarray(np.isfinite(found(CASES[name](traffic), traffic, 0.05, methods)).mean(axis=1))


def show_false(rates: Sequence[float], shares: Sequence[float], runs: int) -> None:
    places = [(rate, share) for rate in rates for share in shares]
    _row("false rollbacks in 3 h, %", *(f"{rate:g}/s, {share:.0%}" for rate, share in places))
    _row(*["---"] * (len(places) + 1))
    for name in CASES:
        cells = [false_rollbacks(name, Traffic(rate=rate, share=share, runs=runs)) for rate, share in places]
        _row(name, *(" / ".join(f"{100 * share:.0f}" for share in cell) for cell in cells))


def show_alike(runs: int) -> None:
    """Print how often what moves for both versions rolls back a good one, at 10 requests a second."""
    _row("false rollbacks in 3 h, %", "10/s, 10%", "10/s, 50%")
    _row(*["---"] * 3)
    for name, case in ALIKE.items():
        places = [Traffic(rate=10, share=share, runs=runs) for share in (0.1, 0.5)]
        cells = [np.isfinite(found(case(place), place, 0.05, METHODS[:2])).mean(axis=1) for place in places]
        _row(name, *(" / ".join(f"{100 * share:.0f}" for share in cell) for cell in cells))


def show_power(runs: int) -> None:
    traffic = Traffic(rate=10, share=0.1, runs=runs)
    _row("harm", *METHODS)
    _row(*["---"] * (len(METHODS) + 1))
    late = [(0.05, times, 500) for times in (2, 3, 5)]
    sizes = [(base, times, 0) for base in (0.001, 0.01, 0.05, 0.2) for times in (1.5, 2, 3, 5, 10) if base * times < 1]
    for base, times, onset in [*sizes, *late]:
        after = found(harmed(traffic, base, times, onset), traffic, base) - onset
        name = f"{100 * base:g} % x{times:g}" + (f" after {onset} quiet panes" if onset else "")
        _row(name, *map(_median, after))


def _median(after: Floats) -> str:
    share = float(np.isfinite(after).mean())
    middle = float(np.median(after))
    return (f"{middle:.0f}" if np.isfinite(middle) else "-") + ("" if share == 1 else f" ({share:.0%})")


def _row(*cells: str) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


def main(runs: int = 100) -> None:
    sys.stdout.write(f"{' / '.join(METHODS)}; {runs} runs a cell\n\n")
    show_power(runs)
    sys.stdout.write("\n")
    show_false((2, 10, 100), (0.1, 0.5), runs)
    sys.stdout.write("\n")
    show_alike(runs)


if __name__ == "__main__":
    main()
