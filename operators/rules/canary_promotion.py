"""What a canary rule finds for a release: BAD or fit for promotion, and what holds the promotion."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec
import numpy as np

from operators.rules.canary_alphas import alpha_of, alphas_of
from operators.rules.canary_evidence import evidence_of, proofs_of
from operators.rules.canary_state import BLIP_CAP, CanaryState
from operators.rules.canary_verdict import not_worse
from operators.rules.comparison import Comparison
from operators.rules.unserved import Elsewhere, elsewhere, inside, requests, unserved
from operators.stats.binomial import lower_bound, upper_bound
from operators.wire.control import Affected, Evidence, Word


class CanaryResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a rule for a release at a pane; see `CanaryFinding` in `operators/release/model.py`."""

    word: Word
    whole: tuple[Affected, ...]
    bad: tuple[Affected, ...]
    far: tuple[Affected, ...]
    evidence: Evidence
    alone: tuple[str, ...] = ()
    unserved: tuple[Affected, ...] = ()
    doubtful: tuple[Affected, ...] = ()
    elsewhere: Callable[[], tuple[Elsewhere, ...]] = tuple


def result_of(
    canary: CanaryState, mine: Sequence[int], words: Sequence[Word], rings: Sequence[Mapping[str, str]]
) -> CanaryResult:
    """Return the result of the processes `mine` of a release; `words` are of all processes, `rings` of the release."""
    release = canary.of[mine[0]].release
    bad = [index for index in mine if words[index] == "BAD"]
    affected = proofs_of(canary, bad)
    affected.sort(key=lambda each: (-(each.evidence.lower or 0.0), -(each.evidence.log_e or 0.0), each.slice))
    whole = {canary.of[index].sli: words[index] for index in mine if canary.of[index].slice == "*"}
    complete = (len(whole) == canary.columns or canary.rule.without_data == "promote") and not bad
    passed = complete and set(whole.values()) == {"OK"}
    word: Word = "BAD" if "BAD" in whole.values() else "INSUFFICIENT"
    missing: tuple[Affected, ...] = ()
    far = _far_worse(canary, mine) if passed else []
    if passed and not far and _slices_known(canary, mine):
        missing = _unserved(canary, release, rings)
        word = "INSUFFICIENT" if missing else "OK"
    last = next(index for index in reversed(mine) if canary.of[index].slice == "*") if word == "OK" else None
    return CanaryResult(
        word=word,
        whole=tuple(each for each in affected if each.slice == "*"),
        bad=tuple(affected),
        far=_affected(canary, far, words),
        evidence=Evidence() if last is None else evidence_of(canary, last),
        alone=_alone(canary, release),
        unserved=missing,
        elsewhere=partial(_elsewhere, canary, release),
        doubtful=_affected(canary, _doubtful(canary, mine, whole) if complete else [], words),
    )


def remains(known: CanaryResult, *, apart: bool) -> bool:
    """Whether the result of the last pane still holds, given that no word has changed.

    It may not where a promotion is near, as what holds one depends on all that came, nor where only one version serves
    some slices: `apart`, or known before.
    """
    near = known.word == "OK" or known.far or known.unserved or known.doubtful
    return not (near or known.alone or apart)


def _affected(canary: CanaryState, indices: Sequence[int], words: Sequence[Word]) -> tuple[Affected, ...]:
    return tuple(
        Affected(slice=canary.of[index].slice, verdict=words[index], evidence=evidence_of(canary, index))
        for index in indices
    )


def _doubtful(canary: CanaryState, mine: Sequence[int], whole: Mapping[int, Word]) -> list[int]:
    """Return the processes of all traffic that are in doubt, where nothing but doubts prevents a promotion."""
    doubted = [index for index in mine if canary.of[index] in canary.doubts]
    passes = set((dict(whole) | {canary.of[index].sli: "OK" for index in doubted}).values()) == {"OK"}
    return doubted if passes else []


def _unserved(canary: CanaryState, release: Comparison, rings: Sequence[Mapping[str, str]]) -> tuple[Affected, ...]:
    """Return the slices of the baseline that hold a promotion, because the candidate has served nothing of them."""
    if canary.rule.unserved == "promote":
        return ()
    strata, grains = canary.strata[release], {*canary.grains, tuple(canary.dimensions)} - {()}
    some = np.flatnonzero(inside(strata.names, rings))
    names = [strata.names[index] for index in some.tolist()]
    found = unserved(names, requests(strata.served[some]), sorted(grains), canary.rule.slice_share, canary.rule.covers)
    why = f"of the requests of {release.baseline} since the release, and none of {release.candidate}"
    return tuple(
        Affected(
            slice=each.slice,
            verdict="INSUFFICIENT",
            evidence=Evidence(n=each.n, value=each.share, reason=f"{each.share:.0%} {why}"),
        )
        for each in found
    )


def _elsewhere(canary: CanaryState, release: Comparison) -> tuple[Elsewhere, ...]:
    """Return the slices of which nothing is known about a candidate that passes."""
    strata, slis = canary.strata[release], {int(index): canary.rule.slis[index] for index in canary.at_once}
    grains = sorted({*canary.grains} - {()})
    return elsewhere(strata.names, strata.seen + strata.pending, grains, slis, canary.rule.covers)


def _alone(canary: CanaryState, release: Comparison) -> tuple[str, ...]:
    return canary.strata[release].alone(release.candidate, release.baseline) if release in canary.strata else ()


def _slices_known(canary: CanaryState, mine: Sequence[int]) -> bool:
    """Whether every slice that matters is surely not worse by the slices' margin."""
    events = canary.processes.counts[:, 0]
    of_all = {canary.of[index].sli: events[index] for index in mine if canary.of[index].slice == "*"}
    large = [
        index
        for index in mine
        if canary.of[index].slice != "*" and events[index] >= canary.rule.slice_share * of_all[canary.of[index].sli]
    ]
    terms = msgspec.structs.replace(
        canary.terms, margin=canary.rule.slice_margin, margin_points=canary.rule.slice_margin_points
    )
    return bool(not_worse(canary.kept, np.array(large, np.int64), alphas_of(canary, large), terms).all())


def _far_worse(canary: CanaryState, mine: Sequence[int]) -> list[int]:
    """Return the slices, however small, whose users a promotion would surely harm, the worst first.

    The bounds of both versions' ratios in the slice (Clopper-Pearson, alpha shared by all slices) are apart by the
    slices' margins, as odds and as points, and more than one blip shows harm. It is one look, not a verdict: a verdict
    takes longer among many slices, and all traffic may pass meanwhile.
    """
    slices = np.array([index for index in mine if canary.of[index].slice != "*"], np.int64)
    if not len(slices):
        return []
    n_c, x_c, n_b, x_b = canary.processes.counts[slices].T
    alpha = np.array([alpha_of(canary, canary.of[index]) for index in slices.tolist()]) / (2 * len(slices))
    candidate, baseline = lower_bound(x_c, n_c, alpha), upper_bound(x_b, n_b, alpha)
    far = (candidate - baseline > canary.rule.slice_margin_points) & (n_c > 0) & (n_b > 0)
    far &= candidate * (1 - baseline) > canary.rule.slice_margin * baseline * (1 - candidate)
    if canary.rule.blip_ms:
        far &= canary.processes.log_e(slices) > math.log(BLIP_CAP)
    harm = dict(zip(slices.tolist(), (candidate - baseline).tolist(), strict=True))
    return sorted(slices[far].tolist(), key=lambda index: (-harm[index], canary.of[index].slice))
