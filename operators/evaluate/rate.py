"""How far the rate of judging falls: openly, for all requests alike, and no further than it has to.

Two things make it fall: a judge that cannot keep up with its input, and a budget that is spent faster than its period
passes. The rate is halved as often as needed; as rates nest, a lower one draws a part of what a higher one draws.
"""

import msgspec

from operators.evaluators.llm import Llm, cost_usd
from operators.spans import DAY_MS, HOUR_MS

HALVINGS_MAX = 10
AHEAD = 0.02  # Share of a budget: the rate is halved for each such share that is spent ahead of its time.


def halvings_behind(age_ms: int, behind_max_ms: int) -> int:
    """Return how often the rate is halved when what is read now came `age_ms` ago.

    >>> [halvings_behind(age, 60_000) for age in (0, 59_999, 60_000, 119_999, 120_000, 10**12)]
    [0, 0, 1, 1, 2, 10]
    """
    return min(age_ms // max(behind_max_ms, 1), HALVINGS_MAX) if age_ms > 0 else 0


class Spent(msgspec.Struct, kw_only=True):
    """What was spent in the hour and the day (UTC) that `hour` and `day` count since 1970."""

    hour: int = 0
    day: int = 0
    requests: int = 0
    tokens: int = 0
    usd: float = 0.0


class Budget:
    """One partition's part of an evaluator's budget, out of `parts`; `spent` is saved with the position in the log.

    Time is when requests were received [Unix ms]: a log that is read again spends the budgets of its own days.
    """

    def __init__(self, evaluator: Llm, parts: int, spent: Spent | None = None) -> None:
        self._evaluator, self._part = evaluator, 1.0 / parts
        self.spent = spent or Spent()

    def halvings(self, now_ms: int) -> int | None:
        """Return how often the rate is to be halved, None where nothing is left."""
        self._turn(now_ms)
        spent, limits = self.spent, self._evaluator
        hour, day = now_ms % HOUR_MS / HOUR_MS, now_ms % DAY_MS / DAY_MS
        most = 0
        for used, limit, elapsed in (
            (float(spent.requests), limits.requests_per_hour, hour),
            (float(spent.tokens), limits.tokens_per_day, day),
            (spent.usd, limits.usd_per_day, day),
        ):
            if limit is not None:
                share = used / (limit * self._part)
                if share >= 1.0:
                    return None
                most = max(most, int((share - elapsed) / AHEAD))
        return min(most, HALVINGS_MAX)

    def ask(self, now_ms: int) -> None:
        """Note that a judgement is asked for."""
        self._turn(now_ms)
        self.spent.requests += 1

    def paid(self, input_tokens: int, output_tokens: int) -> None:
        """Note what one judgement took."""
        self.spent.tokens += input_tokens + output_tokens
        self.spent.usd += cost_usd(self._evaluator, input_tokens, output_tokens)

    def _turn(self, now_ms: int) -> None:
        hour, day = now_ms // HOUR_MS, now_ms // DAY_MS
        if hour > self.spent.hour:
            self.spent.hour, self.spent.requests = hour, 0
        if day > self.spent.day:
            self.spent.day, self.spent.tokens, self.spent.usd = day, 0, 0.0
