"""Which requests are judged: by a hash of the request, so that restarts agree and a lower rate draws a subset.

Each evaluator draws for itself, but one that is gated by another draws as its gate does: else few requests would ever
reach both. What a slice's higher rate draws beyond the rate for all is marked, because it would give that slice too
much weight. So is what is judged because a user complained: such answers are worse than the others.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256

import msgspec

from operators.policy.evaluators import AnswerEvaluator, Evaluate, Rate, Sample
from operators.wire.events import Request

BITS = 53  # As many bits as a float holds exactly.


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request is judged, and the share of such requests that is."""

    sample: Sample
    rate: float


def draw_of(evaluator: str, request_id: str) -> float:
    """Return where a request stands in [0, 1) for an evaluator: every rate above that draws it.

    >>> round(draw_of("helpful", "r-1"), 6), draw_of("helpful", "r-1") == draw_of("helpful", "r-1")
    (0.735463, True)
    """
    digest = sha256(f"{evaluator}\0{request_id}".encode("utf-8", "backslashreplace")).digest()
    return (int.from_bytes(digest[:8]) >> (64 - BITS)) / (1 << BITS)


class Draws:
    """Draws for all evaluators of a policy; requests that are `reported` are drawn whatever the rates are."""

    def __init__(
        self, evaluate: Evaluate, evaluators: Sequence[AnswerEvaluator], reported: frozenset[str] = frozenset()
    ) -> None:
        self._evaluate, self._reported = evaluate, reported
        self._evaluators = {each.name: each for each in evaluators}
        self._roots = {each.name: self._root(each) for each in evaluators}
        self._floors = [rate for rate in evaluate.rate if rate.slices]
        self._base = lru_cache(maxsize=10_000)(self._base_of)
        self._meant = lru_cache(maxsize=10_000)(self._meant_of)

    def draw(self, request: Request, factors: Mapping[str, float] = {}) -> Mapping[str, Drawn]:  # Not written.
        """Return, by each evaluator that judges a request, why it does. Rates are multiplied by `factors`, default 1.

        An evaluator with a gate is drawn only if its gate is.
        """
        found: dict[str, Drawn] = {}
        for name in self._meant(request.model):
            evaluator = self._evaluators[name]
            if evaluator.after is not None and evaluator.after not in found:
                continue
            drawn = self._drawn(evaluator, request, factors.get(name, 1.0))
            if drawn is not None:
                found[name] = drawn
        return found

    def _drawn(self, evaluator: AnswerEvaluator, request: Request, factor: float) -> Drawn | None:
        if factor <= 0:
            return None
        base = factor * self._base(evaluator.name, request.model, request.version)
        floor = factor * self._floor(request)
        reported = request.request_id in self._reported
        if max(base, floor) <= 0 and not reported:
            return None
        place = draw_of(self._roots[evaluator.name], request.request_id)
        if place < base:
            return Drawn(sample="share", rate=base)
        if place < floor:
            return Drawn(sample="floor", rate=floor)
        return Drawn(sample="report", rate=1.0) if reported else None

    def _root(self, evaluator: AnswerEvaluator) -> str:
        """Return the first gate in the chain of gates before an evaluator, itself if it has none."""
        return evaluator.name if evaluator.after is None else self._root(self._evaluators[evaluator.after])

    def _meant_of(self, model: str) -> list[str]:
        return [
            name
            for name, each in self._evaluators.items()
            if any(fnmatchcase(model, pattern) for pattern in each.models)
        ]

    def _base_of(self, evaluator: str, model: str, version: str) -> float:
        own = self._evaluators[evaluator].share
        if own is not None:
            return own
        named = (rate.share for rate in self._evaluate.rate if not rate.slices and _fits(rate, model, version))
        return next(named, self._evaluate.share)

    def _floor(self, request: Request) -> float:
        """Return the largest rate of the slices that a request is in."""
        slices = request.slices or {}
        return max(
            (
                rate.share
                for rate in self._floors
                if rate.slices.items() <= slices.items() and _fits(rate, request.model, request.version)
            ),
            default=0.0,
        )


def _fits(rate: Rate, model: str, version: str) -> bool:
    return fnmatchcase(model, rate.model) and fnmatchcase(version, rate.version)
