"""A canary rule on all releases of a shard: an e-process for each SLI and slice of each, and what they come to."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from operators.control import Affected, Evidence, Word
from operators.policy import Policy
from operators.rules import Canary
from operators.verdict.canary import evidence, judge, levels
from operators.verdict.counts import PaneCounts
from operators.verdict.e_process import EProcesses
from operators.verdict.multiplicity import e_bh
from operators.verdict.verdicts import Verdict
from operators.window.partial import BAD, GOOD
from operators.window.slots import Reported

ACTING = ("rollback", "kill", "throttle")


class Release(msgspec.Struct, frozen=True):
    """A comparison: another `since` [pane] is another comparison, and starts from nothing."""

    model: str
    candidate: str
    baseline: str
    since: int


class Process(msgspec.Struct, frozen=True):
    """What one e-process is about; `sli` is an index into the rule's SLIs."""

    release: Release
    slice: str
    sli: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says of a release at a pane; see `operators/release/model.py: Finding`."""

    word: Word
    whole: tuple[Affected, ...]
    bad: tuple[Affected, ...]
    evidence: Evidence


class CanaryEvaluator:
    """State: the e-processes, which process is whose, and what was last told of each."""

    def __init__(self, rule: Canary, policy: Policy) -> None:
        self.rule = rule
        self._pane_ms = policy.pane_ms
        self._levels = levels(rule.alpha, len(rule.slis), rule.slice_action in ACTING)
        names = [sli.name for sli in policy.slis]
        self._slis = [names.index(name) for name in rule.slis]
        self._grains = {frozenset(policy.dimensions[index] for index in grain) for grain in rule.grains}
        self._processes = EProcesses(rule.tolerance, rule.margin)
        self._of: list[Process] = []
        self._series: dict[Process, Reported] = {}
        self._index: dict[Process, int] = {}
        self._bad: set[Process] = set()  # Slices that were found BAD: they stay so.
        self._proofs: dict[Process, Affected] = {}  # Of those that are BAD.
        self._told: dict[Process, tuple[Word, int]] = {}  # The word, and the events it was last told at.

    def step(
        self, counts: PaneCounts, names: Sequence[Reported], releases: Sequence[Release]
    ) -> tuple[list[Verdict], dict[Release, Result]]:
        """Take a pane; return the verdicts that changed, and what it says of each release that has been compared."""
        self._forget(set(releases))
        if len(counts.slots) and releases:
            self._compare(counts, names, releases)
        words = self._words()
        results = {}
        for release in releases:
            mine = [index for index, process in enumerate(self._of) if process.release == release]
            if mine:
                results[release] = self._result(mine, words)
        return self._changes(words, counts.pane), results

    def _forget(self, live: set[Release]) -> None:
        kept = [index for index, process in enumerate(self._of) if process.release in live]
        if len(kept) == len(self._of):
            return
        self._processes.only(np.array(kept, np.int64))
        gone = {process for process in self._of if process.release not in live}
        self._of = [self._of[index] for index in kept]
        self._index = {process: index for index, process in enumerate(self._of)}
        self._bad -= gone
        self._proofs = {process: proof for process, proof in self._proofs.items() if process not in gone}
        self._series = {process: self._series[process] for process in self._of}
        self._told = {process: told for process, told in self._told.items() if process not in gone}

    def _compare(self, counts: PaneCounts, names: Sequence[Reported], releases: Sequence[Release]) -> None:
        """Give each e-process its block of this pane."""
        arms: dict[tuple[str, str], dict[str, int]] = {}
        for row, slot in enumerate(counts.slots.tolist()):
            name = names[slot]
            if frozenset(name.dims) in self._grains:
                arms.setdefault((name.model, name.version), {})[name.text] = row
        none: Mapping[str, int] = {}
        pairs: list[tuple[Release, str, int, int]] = []
        for release in releases:
            candidate = arms.get((release.model, release.candidate), none)
            baseline = arms.get((release.model, release.baseline), none)
            pairs += [
                (release, text, candidate[text], baseline[text]) for text in sorted(candidate.keys() & baseline.keys())
            ]
        if not pairs:
            return
        rows = np.array([pair[2:] for pair in pairs], np.int64)
        blocks = counts.slis[rows][:, :, self._slis][..., [GOOD, BAD]]  # (pairs, arms, SLIs, 2)
        found = np.argwhere(blocks.sum(axis=3).all(axis=1)).tolist()
        which = []
        for pair, place in found:
            release, text, row, _ = pairs[pair]
            which.append(self._number(Process(release, text, place), names[counts.slots[row]]))
        if which:
            chosen = blocks[[pair for pair, _ in found], :, [place for _, place in found]]  # (which, arms, 2)
            n, bad = chosen.sum(axis=2), chosen[:, :, 1]
            self._processes.grow(len(self._of))
            self._processes.step(counts.pane, np.array(which, np.int64), n[:, 0], bad[:, 0], n[:, 1], bad[:, 1])

    def _number(self, process: Process, series: Reported) -> int:
        index = self._index.get(process)
        if index is None:
            index = self._index[process] = len(self._of)
            self._of.append(process)
            self._series[process] = series
        return index

    def _alpha(self, process: Process) -> float:
        return self._levels.all_traffic if process.slice == "*" else self._levels.slices

    def _words(self) -> list[Word]:
        """Judge all traffic by itself, and the slices of a release and SLI together."""
        if not self._of:
            return []
        words = judge(self._processes, np.array([self._alpha(process) for process in self._of]))
        together: dict[tuple[Release, int], list[int]] = {}
        for index, process in enumerate(self._of):
            if process.slice != "*":
                together.setdefault((process.release, process.sli), []).append(index)
        log_e = self._processes.log_e()
        for indices in together.values():
            found = e_bh(log_e[indices], self._levels.slices)
            self._bad |= {self._of[index] for index, is_bad in zip(indices, found.tolist(), strict=True) if is_bad}
            for index in indices:
                if self._of[index] in self._bad:
                    words[index] = "BAD"
                elif words[index] == "BAD":  # By itself, but not among so many.
                    words[index] = "INSUFFICIENT"
        return words

    def _evidence(self, index: int) -> Evidence:
        process = self._of[index]
        release = process.release
        arms = release.candidate, release.baseline
        sli = self.rule.slis[process.sli]
        return evidence(self._processes, index, self._alpha(process), sli, arms, self._pane_ms)

    def _result(self, mine: Sequence[int], words: Sequence[Word]) -> Result:
        bad = [index for index in mine if words[index] == "BAD"]
        affected = self._proofs_of(bad)
        affected.sort(key=lambda each: (-(each.evidence.lower or 0.0), -(each.evidence.log_e or 0.0), each.slice))
        whole = {self._of[index].sli: words[index] for index in mine if self._of[index].slice == "*"}
        passed = len(whole) == len(self._slis) and set(whole.values()) == {"OK"} and not bad
        word: Word = "INSUFFICIENT"
        if "BAD" in whole.values():
            word = "BAD"
        elif passed and self._slices_known(mine):
            word = "OK"
        last = next(index for index in reversed(mine) if self._of[index].slice == "*") if word == "OK" else None
        return Result(
            word=word,
            whole=tuple(each for each in affected if each.slice == "*"),
            bad=tuple(affected),
            evidence=Evidence() if last is None else self._evidence(last),
        )

    def _proofs_of(self, bad: Sequence[int]) -> list[Affected]:
        """Return what is BAD of a release, with the evidence as it was when the last of it joined."""
        if any(self._of[index] not in self._proofs for index in bad):
            for index in bad:
                process = self._of[index]
                self._proofs[process] = Affected(slice=process.slice, verdict="BAD", evidence=self._evidence(index))
        return [self._proofs[self._of[index]] for index in bad]

    def _slices_known(self, mine: Sequence[int]) -> bool:
        """Whether every slice that matters is surely not worse by the slices' margin."""
        events = self._processes.counts[:, 0]
        of_all = {self._of[index].sli: events[index] for index in mine if self._of[index].slice == "*"}
        large = [
            index
            for index in mine
            if self._of[index].slice != "*" and events[index] >= self.rule.slice_share * of_all[self._of[index].sli]
        ]
        _, upper = self._processes.bounds(self._levels.slices, np.array(large, np.int64))
        return bool((upper <= self.rule.slice_margin).all())

    def _changes(self, words: Sequence[Word], pane: int) -> list[Verdict]:
        """Tell what changed; and of all traffic how far it is, each time the candidate's events have doubled."""
        verdicts = []
        for index, word in enumerate(words):
            process = self._of[index]
            events = int(self._processes.counts[index, 0])
            last, at = self._told.get(process, ("INSUFFICIENT", 0))
            doubled = process.slice == "*" and word == "INSUFFICIENT" and events >= max(2 * at, 1)
            if word != last or doubled:
                self._told[process] = word, events
                verdicts.append(
                    Verdict(
                        rule=self.rule.name,
                        series=self._series[process],
                        word=word,
                        pane=pane,
                        evidence=self._evidence(index),
                    )
                )
        return verdicts
