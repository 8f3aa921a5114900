"""The evidence of a process of a canary rule in full, and the proofs of what is BAD."""

import math
from collections.abc import Iterator, Sequence

import msgspec

from operators.rules.canary_alphas import alpha_of, alphas_of, chance_of
from operators.rules.canary_state import CanaryState
from operators.rules.canary_verdict import evidence, evidence_each
from operators.rules.canary_words import missing
from operators.rules.evidence_log import Process
from operators.rules.guard import WHY
from operators.rules.kept_estimates import KeptEstimates
from operators.rules.strata import mix_moved
from operators.stats.histogram import B_MIN, GAMMA
from operators.wire.control import Affected, Evidence

ONLY_BAD = "all that is counted of both versions is bad: how often that happens cannot be compared"


def evidence_of(canary: CanaryState, index: int) -> Evidence:
    """Return the evidence of a process, or of the comparison of whole outcomes where only that finds harm."""
    return evidences_of(canary, [index])[0]


def evidences_of(canary: CanaryState, indices: Sequence[int]) -> list[Evidence]:
    """Return `evidence_of` each of some processes."""
    if not indices:
        return []
    about = [_about(canary, canary.of[index]) for index in indices]
    alphas = alphas_of(canary, indices)
    each = zip(
        indices, evidence_each(canary.kept, indices, alphas, about, canary.pane_ms), alphas.tolist(), strict=True
    )
    return [_in_full(canary, index, found, alpha) for index, found, alpha in each]


def _about(canary: CanaryState, process: Process) -> tuple[str | None, tuple[str, str]]:
    """Return the SLI of a process, None of a measure, and the versions of candidate and baseline."""
    slis = canary.rule.slis
    sli = slis[process.sli] if process.sli < len(slis) else None
    return sli, (process.release.candidate, process.release.baseline)


def _in_full(canary: CanaryState, index: int, found: Evidence, alpha: float) -> Evidence:
    """Return the evidence of a process with the doubts about it, or that of whole outcomes."""
    process = canary.of[index]
    sli, arms = _about(canary, process)
    guarded = canary.guard.of and sli is not None and process.slice == "*"
    if guarded and canary.processes.log_e_peak[index] < -math.log(alpha):
        of_outcomes = alpha_of(canary, process, guard=True)
        if canary.guard.is_bad(process.release, process.sli, of_outcomes):
            number = canary.guard.of.index((process.release, process.sli))
            kept = KeptEstimates(canary.guard.processes)
            whole = evidence(kept, number, of_outcomes, sli, arms, canary.pane_ms)
            chance = chance_of(canary, process, of_outcomes, whole.log_e)
            return msgspec.structs.replace(whole, reason=WHY, p_value=chance)
    reason = "; ".join(filter(None, _reasons(canary, index, found)))
    if sli is None:
        column = process.sli - len(canary.rule.slis)
        limit, code = canary.limits[column], canary.exceeding[process.release].codes[column]
        reason = "; ".join(filter(None, (limit.in_words(code), reason)))
        found = msgspec.structs.replace(found, measure=limit.name, limit=GAMMA**code if code >= B_MIN else 0.0)
    maturity = canary.labelled.maturity(process.release, process.sli)
    chance = chance_of(canary, process, alpha, found.log_e)
    return msgspec.structs.replace(found, reason=reason or None, maturity=maturity, p_value=chance)


def _reasons(canary: CanaryState, index: int, found: Evidence) -> Iterator[str]:
    """Yield what else people must know about the numbers: doubts, late labels, a mix of traffic that has moved."""
    process = canary.of[index]
    yield canary.doubts.get(process) or missing(canary, process)
    if slower := canary.labelled.slower(process.release, process.sli):
        yield f"its {slower} labels come later than those of {process.release.baseline}: set `maturity`"
    n_c, x_c, n_b, x_b = canary.processes.counts[index].tolist()
    if n_c + n_b and (n_c, n_b) == (x_c, x_b):
        yield ONLY_BAD
    else:
        strata, dims = canary.strata[process.release], canary.series[process].dims
        yield mix_moved(strata, process.sli, dims, found.raw or 0.0, found.value or 0.0) or ""


def proofs_of(canary: CanaryState, bad: Sequence[int]) -> list[Affected]:
    """Return the BAD slices of a release, with the evidence as it was when the last of them joined."""
    if any(canary.of[index] not in canary.proofs for index in bad):
        for index, found in zip(bad, evidences_of(canary, bad), strict=True):
            process = canary.of[index]
            canary.proofs[process] = Affected(slice=process.slice, verdict="BAD", evidence=found)
    return [canary.proofs[canary.of[index]] for index in bad]
