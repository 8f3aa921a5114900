"""The word of every process of a canary rule: all traffic by itself, the slices of a release and SLI together."""

import math
from collections.abc import Sequence

import numpy as np

from operators.arrays import Floats
from operators.rules.canary_state import CanaryState
from operators.rules.canary_verdict import words_of
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import Process
from operators.rules.missing_labels import LONG
from operators.stats.multiple_testing import e_bh
from operators.stats.slice_weights import SliceWeights
from operators.wire.control import Word

# What is not said where the candidate's good labels, or its bad ones, come later than the baseline's.
SLOWED: dict[str, Word] = {"good": "BAD", "bad": "OK"}
FEWER_GOOD = "surely fewer of its requests have a good one"
AWAITED = (
    "fewer labels of {candidate} have come, or fewer bad ones, than of {baseline}: bad ones may be late, so it waits "
    "for {long} times the age of labels (or set `maturity`)"
)
LABELS_ALONE = "more of its labels are bad, but not surely of its requests: its good ones may come later"


def is_bad(canary: CanaryState, process: Process) -> bool:
    """Whether a process was found BAD, which it stays."""
    log_e = canary.processes.log_e_peak[canary.index[process]]
    found = process.slice == "*" and log_e >= -np.log(canary.alpha_of(process))
    return process in canary.bad or (found and _at_pace(canary, process, "BAD") == "BAD")


def evaluated(canary: CanaryState) -> list[Word]:
    """Judge all traffic by itself, and the slices of a release and SLI together."""
    together: dict[tuple[Comparison, int], list[int]] = {}
    for index, process in enumerate(canary.of):
        if process.slice != "*":
            together.setdefault((process.release, process.sli), []).append(index)
    every = np.arange(len(canary.of))
    canary.doubts = {}
    words = words_of(canary.kept, every, canary.alphas_of(every.tolist()), canary.terms)
    words = [_at_pace(canary, process, word) for process, word in zip(canary.of, words, strict=True)]
    log_e = canary.processes.log_e()
    for indices in together.values():
        worse = _worse(canary, indices, log_e)
        canary.bad |= {canary.of[index] for index in worse if words[index] == "BAD"}
        for index in indices:
            if canary.of[index] in canary.bad:
                words[index] = "BAD"
            elif words[index] == "BAD":  # By itself, but not among so many.
                words[index] = "INSUFFICIENT"
    return [_guarded(canary, process, word) for process, word in zip(canary.of, words, strict=True)]


def _at_pace(canary: CanaryState, process: Process, word: Word) -> Word:
    """Return the word of a process, INSUFFICIENT where it may be so because labels of one version come later."""
    if word not in SLOWED.values() or process in canary.bad:
        return word
    slower = canary.labelled.slower(process.release, process.sli)
    unsure = slower and SLOWED[slower] == word
    return "INSUFFICIENT" if unsure or (word == "BAD" and of_labels_alone(canary, process)) else word


def of_labels_alone(canary: CanaryState, process: Process) -> bool:
    """Whether a candidate is worse by its labels, and might not be if all that are missing were good."""
    ratio = float(canary.processes.ratios(np.array([canary.index[process]]))[1][0])
    dated = canary.labelled.dated(process.release, process.sli)
    return dated and not canary.shares.is_bad(process, canary.alpha_of(process), ratio)


def _may_turn(canary: CanaryState, process: Process) -> bool:
    """Whether a candidate that is well by its labels might not be if all that are missing were bad."""
    well = canary.shares.is_ok(process, canary.alpha_of(process), canary.terms)
    return canary.labelled.dated(process.release, process.sli) and not well


def _guarded(canary: CanaryState, process: Process, word: Word) -> Word:
    """Return the word of a process, where its labels are mature, and what slices say of outcomes was looked at."""
    release, sli, whole = process.release, process.sli, process.slice == "*"
    if whole and canary.guard.is_bad(release, sli, canary.alpha_of(process, guard=True)):
        return "BAD"
    if word != "OK" or not canary.labelled.may_promote(release, sli):
        return "INSUFFICIENT" if word == "OK" else word
    doubt = _doubt(canary, process) if whole else ""
    may_turn = whole and not doubt and _may_turn(canary, process)
    if whole and not doubt and not may_turn:
        doubt = _awaited(canary, process)
    if doubt:
        canary.doubts[process] = doubt
    return "INSUFFICIENT" if doubt or may_turn else word


def _awaited(canary: CanaryState, process: Process) -> str:
    """Say why a candidate that passes by its labels is to wait for later ones; nothing where it is not."""
    release, sli = process.release, process.sli
    if not canary.labelled.dated(release, sli) or canary.labelled.has_waited(release, sli):
        return ""
    missing = canary.shares.may_be_missing(process, canary.terms)
    return AWAITED.format(candidate=release.candidate, baseline=release.baseline, long=LONG) if missing else ""


def _doubt(canary: CanaryState, process: Process) -> str:
    """Say why a candidate that passes on an SLI is not to be promoted all the same; nothing where it may be."""
    release, sli = process.release, process.sli
    if canary.guard.holds(release, sli, canary.rule.margin):
        return canary.guard.words(release, sli)
    return missing(canary, process)


def missing(canary: CanaryState, process: Process) -> str:
    """Say what keeps labels from deciding, where fewer of one version's have come."""
    release, alpha = process.release, canary.alpha_of(process)
    if not canary.labelled.dated(release, process.sli):
        return ""
    if canary.shares.fewer_good(process, canary.rule.alpha):
        return f"labels of {release.candidate} come at another pace than those of {release.baseline}: {FEWER_GOOD}"
    by_labels = canary.processes.log_e_peak[canary.index[process]] >= -math.log(alpha)
    return LABELS_ALONE if by_labels and process not in canary.bad and of_labels_alone(canary, process) else ""


def _worse(canary: CanaryState, indices: Sequence[int], log_e: Floats) -> list[int]:
    """Return which of the slices of a release and SLI are worse, judged together."""
    process = canary.of[indices[0]]
    alpha = canary.alpha_of(process)
    weights = canary.weights.setdefault((process.release, process.sli), SliceWeights())
    # Before, the cap leaves nothing to be found.
    if canary.processes.blocks[indices].max() * canary.processes.log_cap >= -math.log(alpha):
        weights.take([canary.of[index].slice for index in indices])
    weighed = [index for index in indices if canary.of[index].slice in weights.of]
    each = np.array([weights.of[canary.of[index].slice] for index in weighed])
    found = log_e[weighed]
    if canary.labelled.dated(process.release, process.sli):
        found = np.minimum(found, [canary.shares.log_e(canary.of[index]) for index in weighed])
    worse = e_bh(found, alpha, each).tolist()
    return [index for index, is_worse in zip(weighed, worse, strict=True) if is_worse]
