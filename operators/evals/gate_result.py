"""Two versions on one eval set: which cases broke, and whether that may be chance.

A case is asked once, and again if it fails; it has failed if more than half of its answers fail. A case whose answers
differ is flaky. Cases that one version passes and the other fails are compared by McNemar's exact test (McNemar 1947,
"Note on the sampling error of the difference between correlated proportions", Psychometrika 12, 153-157): were both
versions alike, each such case would be as likely to be broken as mended.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from scipy.special import bdtrc

Outcome = Literal["passed", "failed", "unanswered"]


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: the checks that it failed, and `error` where there was none; `output` is its text."""

    failed: tuple[str, ...] = ()
    output: str = ""
    error: str = ""
    latency_ms: float = 0.0

    @property
    def passed(self) -> bool | None:
        """None where there was no answer."""
        return None if self.error else not self.failed


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """All answers of a version to a case, in the order in which it was asked."""

    answers: tuple[Answered, ...]

    @property
    def outcome(self) -> Outcome:
        """The outcome by more than half of the answers; unknown without any."""
        known = [each.passed for each in self.answers if each.passed is not None]
        if not known:
            return "unanswered"
        return "failed" if 2 * known.count(False) > len(known) else "passed"

    @property
    def flaky(self) -> bool:
        """Whether some answers passed and some failed."""
        return {True, False} <= {each.passed for each in self.answers}

    @property
    def worst(self) -> Answered:
        """The answer that says most about why the case failed."""
        return next((each for each in self.answers if each.passed is False), self.answers[-1])


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the cases of a set, by id, in the order of the set. `broke` passed on the baseline."""

    cases: int
    passed: int
    broke: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    p_value: float | None = None

    def held(self, allow_known: bool) -> bool:
        """Whether the candidate may be released: it failed nothing, or only what the baseline fails as well."""
        return not self.broke and not self.unanswered and (allow_known or not self.still_failing)


def gate_result(
    order: Sequence[str], candidate: Mapping[str, Tried], baseline: Mapping[str, Tried] | None
) -> GateResult:
    """Return the comparison. Without a baseline every failed case counts as broken, and there is no p-value.

    A case that the baseline did not answer counts as passed by it: an outage excuses nothing.
    """
    ours = {case: candidate[case].outcome for case in order}
    theirs = {case: "passed" if baseline is None else baseline[case].outcome for case in order}
    failed = [case for case in order if ours[case] == "failed"]
    broke = tuple(case for case in failed if theirs[case] != "failed")
    mended = tuple(case for case in order if ours[case] == "passed" and theirs[case] == "failed")
    return GateResult(
        cases=len(order),
        passed=sum(each == "passed" for each in ours.values()),
        broke=broke,
        still_failing=tuple(case for case in failed if theirs[case] == "failed"),
        mended=mended,
        flaky=tuple(case for case in order if candidate[case].flaky),
        unanswered=tuple(case for case in order if ours[case] == "unanswered"),
        p_value=None if baseline is None else mcnemar(len(broke), len(mended)),
    )


def mcnemar(broke: int, mended: int) -> float:
    """Return the chance that at least `broke` of the cases that differ would be broken, were the versions alike.

    >>> mcnemar(5, 0), mcnemar(0, 0), mcnemar(2, 1)
    (0.03125, 1.0, 0.5)
    """
    return 1.0 if broke == 0 else float(bdtrc(broke - 1, broke + mended, 0.5))
