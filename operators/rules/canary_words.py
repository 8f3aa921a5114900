"""The word of every process of a canary rule: all traffic by itself, the slices of a release and SLI together."""

import math
from collections.abc import Sequence

import numpy as np

from operators.rules.canary_alphas import alpha_of, alphas_of
from operators.rules.canary_slices import worse_slices
from operators.rules.canary_state import CanaryState
from operators.rules.canary_verdict import words_of
from operators.rules.evidence_log import Process
from operators.rules.missing_labels import LONG
from operators.wire.control import Word

# The word that is withheld where the candidate's good labels, or its bad ones, come later than the baseline's.
SLOWED: dict[str, Word] = {"good": "BAD", "bad": "OK"}
FEWER_GOOD = "surely fewer of its requests have a good one"
AWAITED = (
    "fewer labels of {candidate} have come, or fewer bad ones, than of {baseline}: bad ones may be late, so it waits "
    "for {long} times the age of labels (or set `maturity`)"
)
LABELS_ALONE = "more of its labels are bad, but not surely of its requests: its good ones may come later"


def is_bad(canary: CanaryState, process: Process) -> bool:
    """Whether a process was found BAD; if so, it stays BAD."""
    log_e = canary.processes.log_e_peak[canary.index[process]]
    found = process.slice == "*" and log_e >= -np.log(alpha_of(canary, process))
    return process in canary.bad or (found and _at_pace(canary, process, "BAD") == "BAD")


def evaluated(canary: CanaryState) -> list[Word]:
    """Judge all traffic by itself, and the slices of a release and SLI together."""
    every = np.arange(len(canary.of))
    alphas = alphas_of(canary, every)
    canary.doubts = {}
    words = words_of(canary.kept, every, alphas, canary.terms)
    for index in _decided(words):
        words[index] = _at_pace(canary, canary.of[index], words[index])
    canary.bad |= {canary.of[index] for index in worse_slices(canary, alphas) if words[index] == "BAD"}
    for index in _decided(words):
        if words[index] == "BAD" and not canary.placed.whole[index]:  # BAD when judged alone, but not among all slices.
            words[index] = "INSUFFICIENT"
    for process in canary.bad:
        words[canary.index[process]] = "BAD"
    guarded = np.flatnonzero(canary.placed.whole).tolist() if canary.guard.of else []
    for index in sorted({*_decided(words), *guarded}):
        words[index] = _guarded(canary, canary.of[index], words[index])
    return words


def _decided(words: Sequence[Word]) -> list[int]:
    """Return which processes are BAD or OK."""
    return [index for index, word in enumerate(words) if word != "INSUFFICIENT"]


def _at_pace(canary: CanaryState, process: Process, word: Word) -> Word:
    """Return the word of a process, INSUFFICIENT where the cause may be that one version's labels come later."""
    if word not in SLOWED.values() or process in canary.bad:
        return word
    slower = canary.labelled.slower(process.release, process.sli)
    unsure = slower and SLOWED[slower] == word
    return "INSUFFICIENT" if unsure or (word == "BAD" and of_labels_alone(canary, process)) else word


def of_labels_alone(canary: CanaryState, process: Process) -> bool:
    """Whether a candidate is worse by its labels, but might not be if all missing labels were good."""
    ratio = float(canary.processes.ratios(np.array([canary.index[process]]))[1][0])
    dated = canary.labelled.dated(process.release, process.sli)
    return dated and not canary.shares.is_bad(process, alpha_of(canary, process), ratio)


def _may_turn(canary: CanaryState, process: Process) -> bool:
    """Whether a candidate passes by its labels, but might not if all missing labels were bad."""
    well = canary.shares.is_ok(process, alpha_of(canary, process), canary.terms)
    return canary.labelled.dated(process.release, process.sli) and not well


def _guarded(canary: CanaryState, process: Process, word: Word) -> Word:
    """Return the word of a process after the guard, the age of its labels and doubts have been looked at."""
    release, sli, whole = process.release, process.sli, process.slice == "*"
    if whole and canary.guard.is_bad(release, sli, alpha_of(canary, process, guard=True)):
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
    """Say why a candidate that passes by its labels has to wait for later ones; empty where it does not."""
    release, sli = process.release, process.sli
    if not canary.labelled.dated(release, sli) or canary.labelled.has_waited(release, sli):
        return ""
    missing = canary.shares.may_be_missing(process, canary.terms)
    return AWAITED.format(candidate=release.candidate, baseline=release.baseline, long=LONG) if missing else ""


def _doubt(canary: CanaryState, process: Process) -> str:
    """Say why a candidate that passes on an SLI is still not to be promoted; empty where it may be."""
    release, sli = process.release, process.sli
    if canary.guard.holds(release, sli, canary.rule.margin):
        return canary.guard.words(release, sli)
    return missing(canary, process)


def missing(canary: CanaryState, process: Process) -> str:
    """Say why labels do not decide, where fewer labels of one version have come; empty where they do."""
    release = process.release
    if not canary.labelled.dated(release, process.sli):
        return ""
    if canary.shares.fewer_good(process, canary.rule.alpha):
        return f"labels of {release.candidate} come at another pace than those of {release.baseline}: {FEWER_GOOD}"
    by_labels = canary.processes.log_e_peak[canary.index[process]] >= -math.log(alpha_of(canary, process))
    return LABELS_ALONE if by_labels and process not in canary.bad and of_labels_alone(canary, process) else ""
