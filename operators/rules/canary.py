"""A canary rule on all releases of a shard: an e-process for each SLI and slice of each, and what they come to."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from operators.arrays import Floats, Ints
from operators.policy.policy import Policy
from operators.rules.alpha import ACTING, of_comparison, portion
from operators.rules.canary_keys import Canary
from operators.rules.canary_verdict import Terms, evidence, levels, not_worse, words_of
from operators.rules.cohorts import Block
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import EvidenceLog, Process, Shown
from operators.rules.evidence_rows import About, Row, empty_columns, evidence_rows, process_columns
from operators.rules.exceeding import Exceeding, columns, limits_of
from operators.rules.guard import ALPHA_SHARE, WHY, Guard
from operators.rules.kept_estimates import KeptEstimates
from operators.rules.label_delays import LabelDelays
from operators.rules.label_shares import LabelShares
from operators.rules.labelled import Labelled, asked
from operators.rules.labels import NO_LABELS, Labels
from operators.rules.pane_counts import PaneCounts
from operators.rules.recurring import Recurring, left_out
from operators.rules.spreads import NO_SPREADS, Spreads
from operators.rules.strata import ComparedWindow, Strata, mix_moved
from operators.rules.unserved import Elsewhere, Rings, elsewhere, inside, requests, unserved
from operators.rules.value_history import MINUTE_MS, ValueShift
from operators.rules.verdict import Verdict
from operators.stats.binomial import lower_bound, upper_bound
from operators.stats.e_process import EProcesses
from operators.stats.histogram import B_MIN, GAMMA
from operators.stats.multiple_testing import e_bh
from operators.stats.slice_weights import FIRST, SliceWeights
from operators.stats.spending import Spending
from operators.store.rows import Rows
from operators.window.partial import BAD, GOOD
from operators.window.series_index import SliceSeries, described, slice_text
from operators.wire.control import Affected, Evidence, Word

# No blip counts for more than that times the odds: fewer than five in a row decide nothing at 1 / 60.
BLIP_CAP = 2.5
# What is not said where the candidate's good labels, or its bad ones, come later than the baseline's.
SLOWED: dict[str, Word] = {"good": "BAD", "bad": "OK"}
FEWER_GOOD = "surely fewer of its requests have a good one"
LABELS_ALONE = "more of its labels are bad, but not surely of its requests: its good ones may come later"
ONLY_BAD = "all that is counted of both versions is bad: how often that happens cannot be compared"
WINDOW_MS_MAX = 3_600_000  # Of what is compared together, where there is little traffic.


class CanaryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says of a release at a pane; see `CanaryFinding` in `operators/release/model.py`."""

    word: Word
    whole: tuple[Affected, ...]
    bad: tuple[Affected, ...]
    far: tuple[Affected, ...]
    evidence: Evidence
    alone: tuple[str, ...] = ()
    unserved: tuple[Affected, ...] = ()
    doubtful: tuple[Affected, ...] = ()
    elsewhere: Callable[[], tuple[Elsewhere, ...]] = tuple


class CanaryEvaluator:
    """State: the e-processes, what each is about, the last verdict and stored row of each, and the running blip.

    SLIs on feedback are not counted in blips, but in the blocks of `labelled.py`.
    """

    def __init__(self, rule: Canary, policy: Policy) -> None:
        self.rule = rule
        self._pane_ms = policy.pane_ms
        self._blip_panes = max(rule.blip_ms // policy.pane_ms, 1)
        self._limits = limits_of(rule, policy)
        self._columns = columns(rule)
        self._terms = Terms(
            tolerance=rule.tolerance,
            tolerance_points=rule.tolerance_points,
            margin=rule.margin,
            margin_points=rule.margin_points,
        )
        names = [sli.name for sli in policy.slis]
        self._slis = [names.index(name) for name in rule.slis]
        on_feedback = np.array([policy.slis[index].on_feedback for index in self._slis], bool)
        self._at_once = np.flatnonzero(~on_feedback)
        self._blipped = np.concatenate([self._at_once, np.arange(len(rule.slis), self._columns)])
        self._exceeding: dict[Comparison, Exceeding] = {}
        self._labelled = Labelled(
            {index: self._slis[index] for index in np.flatnonzero(on_feedback).tolist()},
            policy.pane_ms,
            self._blip_panes,
            None if rule.maturity_ms is None else rule.maturity_ms // policy.pane_ms,
        )
        self._dimensions = policy.dimensions
        self._finest = frozenset(policy.dimensions)
        self._grains = [tuple(policy.dimensions[index] for index in grain) for grain in rule.grains]
        cap = BLIP_CAP if rule.blip_ms else float("inf")
        self._processes = EProcesses(rule.tolerance, rule.margin, rule.slice_margin, cap=cap)
        self._kept = KeptEstimates(self._processes)
        self._guard = Guard(rule.tolerance, rule.margin, cap)
        self._shares = LabelShares(rule, policy.dimensions, self._grains, cap, WINDOW_MS_MAX // policy.pane_ms)
        self._spent: dict[Comparison, Spending] = {}
        self._recurring: dict[Comparison, Recurring] = {}
        self._of: list[Process] = []
        self._series: dict[Process, SliceSeries] = {}
        self._index: dict[Process, int] = {}
        self._strata: dict[Comparison, Strata] = {}
        self._weights: dict[tuple[Comparison, int], SliceWeights] = {}
        self._blip: int | None = None  # Number of the blip that runs.
        self._words: list[Word] = []  # Of each process; of fewer where they are to be judged anew.
        self._bad: set[Process] = set()  # Slices that were found BAD: they stay so.
        self._proofs: dict[Process, Affected] = {}  # Of those that are BAD.
        self._announced: dict[Process, tuple[Word, int]] = {}  # The word, and the events it was last told at.
        self._log = EvidenceLog()
        self._doubts: dict[Process, str] = {}  # Of those that would pass.

    def step(
        self,
        counts: PaneCounts,
        names: Sequence[SliceSeries],
        releases: Sequence[Comparison],
        labels: Labels = NO_LABELS,
        delays: LabelDelays = LabelDelays(),  # noqa: B008  # Only read.
        spreads: Spreads = NO_SPREADS,
        policy: str = "",
        rings: Rings = {},  # noqa: B006  # Only read.
    ) -> tuple[list[Verdict], dict[Comparison, CanaryResult], list[Rows]]:
        """Take a pane; return the verdicts that changed, what it says of each release that has been compared, and rows.

        `labels` are those that came in the pane, `delays` what was known of such before it, `spreads` its measures;
        `policy` is the hash that rows are to name, `rings` the slices to which releases are limited.
        """
        self._forget(set(releases))
        number, place = divmod(counts.pane, self._blip_panes)
        if self._blip is not None and number != self._blip:
            self._end_blip()
        if len(counts.slots) and releases:
            self._add(counts, names, [each for each in releases if counts.pane >= each.begins])
            self._add_values(counts.pane, spreads, releases)
        self._blip = number
        if place == self._blip_panes - 1:
            self._end_blip()
        requests = asked(counts, names, self._finest) if releases and self._labelled.slis else {}
        for release, sli, block in self._labelled.take(counts.pane, releases, labels, delays, requests):
            if block.renewed:
                self._renew(release, sli)
            self._shares.take(release, sli, block)
            if block.late:
                self._words = []
            else:
                self._add_labels(release, sli, block)
        anew = len(self._words) != len(self._of)  # A blip has ended, or a release.
        if anew:
            self._words = self._evaluated()
        words = self._words
        results = {}
        for release in releases:
            mine = [index for index, process in enumerate(self._of) if process.release == release]
            if mine:
                results[release] = self._result(mine, words, rings.get(release, ()))
        about = self._about(counts.pane, policy)
        rows = self._moved(about, words, [release for release, each in results.items() if each.far]) if anew else []
        return self._changes(words, counts.pane), results, rows + self._new(about)

    @property
    def quiet(self) -> bool:
        """Whether the end of the running blip would change nothing, and no labels become mature."""
        return self._labelled.quiet and not any(strata.ready(self._blipped) for strata in self._strata.values())

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._index = {process: index for index, process in enumerate(self._of)}
        self._kept = KeptEstimates(self._processes)

    def _forget(self, live: set[Comparison]) -> None:
        self._strata = {release: strata for release, strata in self._strata.items() if release in live}
        self._exceeding = {release: each for release, each in self._exceeding.items() if release in live}
        self._spent = {release: each for release, each in self._spent.items() if release in live}
        self._recurring = {release: each for release, each in self._recurring.items() if release in live}
        self._guard.only(live)
        self._shares.only(live)
        self._weights = {key: each for key, each in self._weights.items() if key[0] in live}
        self._labelled.forget(live)
        self._log.forget(live)
        self._drop({process for process in self._of if process.release not in live})

    def _drop(self, gone: set[Process]) -> None:
        if not gone:
            return
        kept = [index for index, process in enumerate(self._of) if process not in gone]
        self._processes.only(np.array(kept, np.int64))
        self._kept = KeptEstimates(self._processes)
        self._of, self._words = [self._of[index] for index in kept], []
        self._index = {process: index for index, process in enumerate(self._of)}
        self._bad -= gone
        self._proofs = {process: proof for process, proof in self._proofs.items() if process not in gone}
        self._series = {process: self._series[process] for process in self._of}
        self._announced = {process: announced for process, announced in self._announced.items() if process not in gone}

    def _add(self, counts: PaneCounts, names: Sequence[SliceSeries], releases: Sequence[Comparison]) -> None:
        """Add what the versions of releases served, at the finest slices, to the running blip."""
        wanted = {(release.model, arm) for release in releases for arm in (release.candidate, release.baseline)}
        served: dict[tuple[str, str], dict[int, tuple[SliceSeries, Ints]]] = {}
        for row, slot in enumerate(counts.slots.tolist()):
            name = names[slot]
            if name.dims.keys() == self._finest and (name.model, name.version) in wanted:
                arm = served.setdefault((name.model, name.version), {})
                came = np.zeros((self._columns, 2), np.int64)
                came[self._at_once] = counts.units[row, self._slis][self._at_once]
                arm[slot] = name, came
        for release in releases:
            arms = [served.get((release.model, arm), {}) for arm in (release.candidate, release.baseline)]
            if any(arms):
                out = left_out(self._recurring.setdefault(release, Recurring()), counts.chains, {**arms[0], **arms[1]})
                both = [[(name, self._less(came, out.get(slot))) for slot, (name, came) in arm.items()] for arm in arms]
                self._open(release, counts.pane).add(both[0], both[1])

    def _less(self, came: Ints, out: Ints | None) -> Ints:
        """Return the counts of a finest slice less what does not count of it."""
        if out is None:
            return came
        less = came.copy()
        less[self._at_once] -= out[self._slis][self._at_once]
        return less

    def _add_values(self, pane: int, spreads: Spreads, releases: Sequence[Comparison]) -> None:
        """Add how many values exceed the limits to the running blip; those of before a release begins set limits."""
        for release in releases if self._limits and spreads.names else ():
            exceeding = self._exceeding.setdefault(release, Exceeding(limits=self._limits))
            versions = release.candidate, release.baseline
            arms = exceeding.count(spreads, release.model, versions, pane * self._pane_ms // MINUTE_MS)
            if pane < release.begins or not any(arms):
                continue
            served = [[(name, self._beside_slis(counts)) for name, counts in arm] for arm in arms]
            self._open(release, pane).add(served[0], served[1])

    def _open(self, release: Comparison, pane: int) -> Strata:
        """Return the strata of a release, ready for what came in a pane, of the blip that it is of."""
        strata = self._strata_of(release)
        strata.open(pane // self._blip_panes * self._blip_panes, self._blip_panes, self._blipped)
        return strata

    def _strata_of(self, release: Comparison) -> Strata:
        return self._strata.setdefault(release, Strata(self._columns, WINDOW_MS_MAX // self._pane_ms))

    def _beside_slis(self, counts: Ints) -> Ints:
        return np.concatenate([np.zeros((len(self._slis), 2), np.int64), counts])

    def _end_blip(self) -> None:
        """Give the e-processes what the blip came to."""
        if self._blip is not None:
            self._bet((self._blip + 1) * self._blip_panes, list(self._strata), self._blipped)
        for each in self._exceeding.values():
            each.renew()
        self._blip = None

    def _bet(self, pane: int, releases: Sequence[Comparison], slis: Ints) -> None:
        """Give the e-processes what came of some releases and SLIs in the windows that end before a pane."""
        ended: dict[tuple[int, int], list[tuple[int, Ints]]] = {}
        for release in releases:
            strata = self._strata[release]
            for window in strata.take(pane, slis):
                blocks = ended.setdefault((window.begins, window.panes), [])
                self._spent.setdefault(release, Spending(columns=self._columns)).take(window.of.tolist())
                self._watch(release, window)
                for stratum, sli, block in zip(window.strata.tolist(), window.of.tolist(), window.counts, strict=True):
                    for grain in self._grains:
                        blocks.append((self._number(release, strata.names[stratum].dims, grain, sli), block))
        self._processes.grow(len(self._of))
        for (begins, panes), blocks in ended.items():
            if blocks:
                numbers = np.array([number for number, _ in blocks], np.int64)
                order = np.argsort(numbers, kind="stable")
                self._words = []
                self._processes.step(begins, numbers[order], np.array([block for _, block in blocks])[order], panes)

    def _watch(self, release: Comparison, window: ComparedWindow) -> None:
        """Compare, without strata, how many requests are in slices of which nearly nothing is good."""
        slis = window.slis < len(self.rule.slis)
        if self._dimensions and () in self._grains:
            taken = self._guard.take(release, window.begins, window.panes, window.slis[slis], window.whole[slis])
            for sli in taken:
                self._number(release, {}, (), sli)
                self._spent[release].take([sli])
                self._words = []

    def _renew(self, release: Comparison, sli: int) -> None:
        """Begin the processes of an SLI anew: all that is known of it came of labels that were too young."""
        mine = {process for process in self._of if (process.release, process.sli) == (release, sli)}
        self._drop({process for process in mine if not self._is_bad(process)})
        self._shares.drop(release, sli)

    def _is_bad(self, process: Process) -> bool:
        """Whether a process was found BAD, which it stays."""
        log_e = self._processes.log_e_peak[self._index[process]]
        found = process.slice == "*" and log_e >= -np.log(self._alpha(process))
        return process in self._bad or (found and self._at_pace(process, "BAD") == "BAD")

    def _add_labels(self, release: Comparison, sli: int, block: Block) -> None:
        """Compare the labels of a block, and before them those of windows that ended before it."""
        served: list[list[tuple[SliceSeries, Ints]]] = [[], []]
        for side, version, labels in zip(served, (release.candidate, release.baseline), block.arms, strict=True):
            for values, (n, bad, _) in labels.items():
                came = np.zeros((self._columns, 3), np.int64)
                came[sli, GOOD], came[sli, BAD] = n - bad, bad
                side.append((SliceSeries(release.model, version, *described(self._dimensions, values)), came))
        strata, column = self._strata_of(release), np.array([sli])
        self._bet(block.begins, [release], column)
        strata.open(block.begins, block.panes, column)
        strata.add(served[0], served[1])
        self._bet(block.begins + block.panes, [release], column)

    def _number(self, release: Comparison, stratum: Mapping[str, str], grain: tuple[str, ...], sli: int) -> int:
        """Return the number of the process of the slice of a grain that a stratum belongs to."""
        dims = [(name, stratum[name]) for name in grain]
        process = Process(release, slice_text(dims), sli)
        index = self._index.get(process)
        if index is None:
            index = self._index[process] = len(self._of)
            self._of.append(process)
            self._series[process] = SliceSeries(release.model, release.candidate, process.slice, dict(dims))
        return index

    def _evaluated(self) -> list[Word]:
        """Judge all traffic by itself, and the slices of a release and SLI together."""
        together: dict[tuple[Comparison, int], list[int]] = {}
        for index, process in enumerate(self._of):
            if process.slice != "*":
                together.setdefault((process.release, process.sli), []).append(index)
        every = np.arange(len(self._of))
        self._doubts = {}
        words = words_of(self._kept, every, self._alphas(every.tolist()), self._terms)
        words = [self._at_pace(process, word) for process, word in zip(self._of, words, strict=True)]
        log_e = self._processes.log_e()
        for indices in together.values():
            worse = self._worse(indices, log_e)
            self._bad |= {self._of[index] for index in worse if words[index] == "BAD"}
            for index in indices:
                if self._of[index] in self._bad:
                    words[index] = "BAD"
                elif words[index] == "BAD":  # By itself, but not among so many.
                    words[index] = "INSUFFICIENT"
        return [self._guarded(process, word) for process, word in zip(self._of, words, strict=True)]

    def _at_pace(self, process: Process, word: Word) -> Word:
        """Return the word of a process, INSUFFICIENT where it may be so because labels of one version come later."""
        if word not in SLOWED.values() or process in self._bad:
            return word
        slower = self._labelled.slower(process.release, process.sli)
        unsure = slower and SLOWED[slower] == word
        return "INSUFFICIENT" if unsure or (word == "BAD" and self._of_labels_alone(process)) else word

    def _of_labels_alone(self, process: Process) -> bool:
        """Whether a candidate is worse by its labels, and might not be if all that are missing were good."""
        ratio = float(self._processes.ratios(np.array([self._index[process]]))[1][0])
        dated = self._labelled.dated(process.release, process.sli)
        return dated and not self._shares.is_bad(process, self._alpha(process), ratio)

    def _may_turn(self, process: Process) -> bool:
        """Whether a candidate that is well by its labels might not be if all that are missing were bad."""
        well = self._shares.is_ok(process, self._alpha(process), self._terms)
        return self._labelled.dated(process.release, process.sli) and not well

    def _guarded(self, process: Process, word: Word) -> Word:
        """Return the word of a process, where its labels are mature, and what slices say of outcomes was looked at."""
        release, sli, whole = process.release, process.sli, process.slice == "*"
        if whole and self._guard.is_bad(release, sli, self._alpha(process, guard=True)):
            return "BAD"
        if word != "OK" or not self._labelled.may_promote(release, sli):
            return "INSUFFICIENT" if word == "OK" else word
        doubt = self._doubt(process) if whole else ""
        if doubt:
            self._doubts[process] = doubt
        return "INSUFFICIENT" if doubt or (whole and self._may_turn(process)) else word

    def _doubt(self, process: Process) -> str:
        """Say why a candidate that passes on an SLI is not to be promoted all the same; nothing where it may be."""
        release, sli = process.release, process.sli
        if self._guard.holds(release, sli, self.rule.margin):
            return self._guard.words(release, sli)
        return self._missing(process)

    def _worse(self, indices: Sequence[int], log_e: Floats) -> list[int]:
        """Return which of the slices of a release and SLI are worse, judged together."""
        process = self._of[indices[0]]
        alpha = self._alpha(process)
        weights = self._weights.setdefault((process.release, process.sli), SliceWeights())
        # Before, the cap leaves nothing to be found.
        if self._processes.blocks[indices].max() * self._processes.log_cap >= -math.log(alpha):
            weights.take([self._of[index].slice for index in indices])
        weighed = [index for index in indices if self._of[index].slice in weights.of]
        each = np.array([weights.of[self._of[index].slice] for index in weighed])
        found = log_e[weighed]
        if self._labelled.dated(process.release, process.sli):
            found = np.minimum(found, [self._shares.log_e(self._of[index]) for index in weighed])
        worse = e_bh(found, alpha, each).tolist()
        return [index for index, is_worse in zip(weighed, worse, strict=True) if is_worse]

    def _alpha(self, process: Process, *, guard: bool = False) -> float:
        """Return what a process may be wrong with, or the `guard` beside one of all traffic; slices share theirs."""
        share = self._spent.get(process.release, Spending(columns=self._columns)).share(process.sli)
        shared = levels(of_comparison(self.rule) * share, 1, self.rule.slice_action in ACTING)
        part = ALPHA_SHARE if self._dimensions else 0.0
        level = (part if guard else 1.0 - part) * shared.all_traffic if process.slice == "*" else shared.slices
        return level * portion(process.release.attempt, self._labelled.renewed(process.release, process.sli))

    def _alphas(self, indices: Sequence[int]) -> Floats:
        return np.array([self._alpha(self._of[index]) for index in indices], float)

    def _chance(self, process: Process, alpha: float, log_e: float | None) -> float:
        """Return the chance of so much evidence, ever and by any process of the release, if the candidate is as good.

        It is at most the rule's alpha where all traffic is BAD, by a process that may be wrong with `alpha`.
        """
        weights = self._weights.get((process.release, process.sli), SliceWeights()).of
        weight = 1.0 if process.slice == "*" else weights.get(process.slice, 0.0)
        spent = alpha * weight / self.rule.alpha
        return min(1.0, math.exp(-(log_e or 0.0)) / spent) if spent else 1.0

    def current(self, series: tuple[str, str, str], compared: str | None) -> Evidence | None:
        """Return how far a candidate is from its baseline on a slice, by an SLI or measure; None if not compared."""
        slis = self.rule.slis
        names = [*slis, *(limit.name for limit in self._limits)]
        mine = [
            index
            for process, index in self._index.items()
            if (process.release.model, process.release.candidate, process.slice) == series
            and names[process.sli] == compared
        ]
        return self._evidence(self._most(mine)) if mine else None

    def shift(self, of: tuple[str, str, str], since: int, code: int | None) -> ValueShift | None:
        """Return how the values of a baseline have moved, of a (model, candidate, measure) (`Exceeding.shift`)."""
        model, candidate, measure = of
        numbers = {number for number, limit in enumerate(self._limits, len(self.rule.slis)) if limit.name == measure}
        mine = [
            index
            for process, index in self._index.items()
            if (process.release.model, process.release.candidate, process.slice) == (model, candidate, "*")
            and process.sli in numbers
        ]
        if not mine:
            return None
        process = self._of[self._most(mine)]
        return self._exceeding[process.release].shift(process.sli - len(self.rule.slis), since, code)

    def _most(self, indices: Sequence[int]) -> int:
        """Return which of some processes shows most: of a measure with several limits, the one to speak of."""
        return max(indices, key=lambda index: float(self._processes.log_e_peak[index]))

    def _evidence(self, index: int) -> Evidence:
        process = self._of[index]
        release = process.release
        arms = release.candidate, release.baseline
        slis = self.rule.slis
        sli = slis[process.sli] if process.sli < len(slis) else None
        alpha = self._alpha(process)
        if sli is not None and process.slice == "*" and self._processes.log_e_peak[index] < -math.log(alpha):
            alpha = self._alpha(process, guard=True)
            if self._guard.is_bad(release, process.sli, alpha):
                number = self._guard.of.index((release, process.sli))
                found = evidence(KeptEstimates(self._guard.processes), number, alpha, sli, arms, self._pane_ms)
                return msgspec.structs.replace(found, reason=WHY, p_value=self._chance(process, alpha, found.log_e))
        found = evidence(self._kept, index, self._alpha(process), sli, arms, self._pane_ms)
        dims = self._series[process].dims
        why = mix_moved(self._strata[release], process.sli, dims, found.raw or 0.0, found.value or 0.0)
        n_c, x_c, n_b, x_b = self._processes.counts[index].tolist()
        if n_c + n_b and (n_c, n_b) == (x_c, x_b):
            why = ONLY_BAD
        slower = self._labelled.slower(release, process.sli)
        if slower:
            late = f"its {slower} labels come later than those of {release.baseline}: set `maturity`"
            why = "; ".join(each for each in (late, why) if each)
        doubt = self._doubts.get(process) or self._missing(process)
        why = "; ".join(each for each in (doubt, why) if each)
        maturity = self._labelled.maturity(release, process.sli)
        if sli is None:
            limit = self._limits[process.sli - len(slis)]
            code = self._exceeding[release].codes[process.sli - len(slis)]
            why = "; ".join(each for each in (limit.in_words(code), why) if each)
            found = msgspec.structs.replace(found, measure=limit.name, limit=GAMMA**code if code >= B_MIN else 0.0)
        chance = self._chance(process, self._alpha(process), found.log_e)
        return msgspec.structs.replace(found, reason=why or None, maturity=maturity, p_value=chance)

    def _missing(self, process: Process) -> str:
        """Say what keeps labels from deciding, where fewer of one version's have come."""
        release, alpha = process.release, self._alpha(process)
        if not self._labelled.dated(release, process.sli):
            return ""
        if self._shares.fewer_good(process, self.rule.alpha):
            return f"labels of {release.candidate} come at another pace than those of {release.baseline}: {FEWER_GOOD}"
        by_labels = self._processes.log_e_peak[self._index[process]] >= -math.log(alpha)
        return LABELS_ALONE if by_labels and process not in self._bad and self._of_labels_alone(process) else ""

    def _result(self, mine: Sequence[int], words: Sequence[Word], rings: Sequence[Mapping[str, str]]) -> CanaryResult:
        bad = [index for index in mine if words[index] == "BAD"]
        affected = self._proofs_of(bad)
        affected.sort(key=lambda each: (-(each.evidence.lower or 0.0), -(each.evidence.log_e or 0.0), each.slice))
        whole = {self._of[index].sli: words[index] for index in mine if self._of[index].slice == "*"}
        complete = len(whole) == self._columns or self.rule.without_data == "promote"
        passed = complete and set(whole.values()) == {"OK"} and not bad
        word: Word = "INSUFFICIENT"
        missing: tuple[Affected, ...] = ()
        far = self._far_worse(mine) if passed else []
        if "BAD" in whole.values():
            word = "BAD"
        elif passed and not far and self._slices_known(mine):
            missing = self._unserved(self._of[mine[0]].release, rings)
            word = "INSUFFICIENT" if missing else "OK"
        doubts = {self._of[index].sli: "OK" for index in mine if self._of[index] in self._doubts}
        doubtful = complete and doubts and not bad and set((whole | doubts).values()) == {"OK"}
        last = next(index for index in reversed(mine) if self._of[index].slice == "*") if word == "OK" else None
        return CanaryResult(
            word=word,
            whole=tuple(each for each in affected if each.slice == "*"),
            bad=tuple(affected),
            far=tuple(
                Affected(slice=self._of[index].slice, verdict=words[index], evidence=self._evidence(index))
                for index in far
            ),
            evidence=Evidence() if last is None else self._evidence(last),
            alone=self._alone(self._of[mine[0]].release),
            unserved=missing,
            elsewhere=partial(self._elsewhere, self._of[mine[0]].release),
            doubtful=tuple(
                Affected(slice="*", verdict="INSUFFICIENT", evidence=self._evidence(index))
                for index in (mine if doubtful else ())
                if self._of[index] in self._doubts
            ),
        )

    def _unserved(self, release: Comparison, rings: Sequence[Mapping[str, str]]) -> tuple[Affected, ...]:
        """Return the slices of the baseline that hold a promotion, as the candidate has had nothing of them."""
        if self.rule.unserved == "promote":
            return ()
        strata, grains = self._strata[release], {*self._grains, tuple(self._dimensions)} - {()}
        some = np.flatnonzero(inside(strata.names, rings))
        names = [strata.names[index] for index in some.tolist()]
        found = unserved(names, requests(strata.served[some]), sorted(grains), self.rule.slice_share)
        why = f"of the requests of {release.baseline} since the release, and none of {release.candidate}"
        return tuple(
            Affected(
                slice=each.slice,
                verdict="INSUFFICIENT",
                evidence=Evidence(n=each.n, value=each.share, reason=f"{each.share:.0%} {why}"),
            )
            for each in found
        )

    def _elsewhere(self, release: Comparison) -> tuple[Elsewhere, ...]:
        """Return the slices of which nothing is known of a candidate that passes."""
        strata, slis = self._strata[release], {int(index): self.rule.slis[index] for index in self._at_once}
        return elsewhere(strata.names, strata.seen + strata.pending, sorted({*self._grains} - {()}), slis)

    def _alone(self, release: Comparison) -> tuple[str, ...]:
        return self._strata[release].alone(release.candidate, release.baseline) if release in self._strata else ()

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
        terms = msgspec.structs.replace(
            self._terms, margin=self.rule.slice_margin, margin_points=self.rule.slice_margin_points
        )
        return bool(not_worse(self._kept, np.array(large, np.int64), self._alphas(large), terms).all())

    def _far_worse(self, mine: Sequence[int]) -> list[int]:
        """Return the slices, however small, whose users a promotion would surely harm, the worst first.

        Bounds of each version's ratio in the slice (Clopper-Pearson, shared by all slices) are apart by the slices'
        margins, as odds and as points, and more than one blip speaks for harm. It is one look, not a verdict: that
        takes longer among many slices, and all traffic may pass meanwhile.
        """
        slices = np.array([index for index in mine if self._of[index].slice != "*"], np.int64)
        if not len(slices):
            return []
        n_c, x_c, n_b, x_b = self._processes.counts[slices].T
        alpha = np.array([self._alpha(self._of[index]) for index in slices.tolist()]) / (2 * len(slices))
        candidate, baseline = lower_bound(x_c, n_c, alpha), upper_bound(x_b, n_b, alpha)
        far = (candidate - baseline > self.rule.slice_margin_points) & (n_c > 0) & (n_b > 0)
        far &= candidate * (1 - baseline) > self.rule.slice_margin * baseline * (1 - candidate)
        if self.rule.blip_ms:
            far &= self._processes.log_e(slices) > math.log(BLIP_CAP)
        harm = dict(zip(slices.tolist(), (candidate - baseline).tolist(), strict=True))
        return sorted(slices[far].tolist(), key=lambda index: (-harm[index], self._of[index].slice))

    def _about(self, pane: int, policy: str) -> About:
        return About(
            rule=self.rule.name,
            slis=self.rule.slis,
            measures=tuple(limit.name for limit in self._limits),
            at=(pane + 1) * self._pane_ms,
            pane_ms=self._pane_ms,
            policy=policy,
        )

    def _moved(self, about: About, words: Sequence[Word], whole: Sequence[Comparison]) -> list[Rows]:
        """Return the rows of what has moved (`evidence_log.py`), all of the releases `whole`."""
        processes, events = self._processes, self._processes.counts[:, 0].tolist()
        every = np.arange(len(self._of))
        alphas = self._alphas(every.tolist())
        lower, upper = self._kept.odds(every, alphas)
        columns = zip(words, events, processes.log_e().tolist(), lower.tolist(), upper.tolist(), strict=True)
        now = {process: Shown(*values) for process, values in zip(self._of, columns, strict=True)}
        due = sorted(self._log.due(now, whole), key=lambda process: process.slice != "*")
        if not due:
            return []
        rows = [
            Row(
                process=process,
                series=self._series[process],
                word=now[process].word,
                needed=self._needed(process),
            )
            for process in due
        ]
        which = np.array([self._index[process] for process in due], np.int64)
        return [evidence_rows(about, rows, process_columns(self._kept, which, alphas[which], self._pane_ms))]

    def _needed(self, process: Process) -> float:
        """Return the ln E at which a process decides by itself; of slices, where several are worse, less is enough."""
        weights = self._weights.get((process.release, process.sli), SliceWeights()).of
        weight = 1.0 if process.slice == "*" else weights.get(process.slice, FIRST / max(len(weights), 1))
        return -math.log(weight * self._alpha(process))

    def _new(self, about: About) -> list[Rows]:
        """Return rows without evidence: of slices that are served for the first time, and of what begins anew."""
        served = [
            Process(release, text, sli)
            for release, strata in self._strata.items()
            for text in self._slices(strata.names[self._log.unseen(release, strata.names) :])
            for sli in range(len(self.rule.slis))
        ]
        empty = [*self._log.new(iter(served)), *self._log.begun_anew(self._index.keys())]
        dims = {release: self._slices(strata.names) for release, strata in self._strata.items()} if empty else {}
        rows = [
            Row(
                process=process,
                series=SliceSeries(
                    process.release.model,
                    process.release.candidate,
                    process.slice,
                    dims[process.release][process.slice],
                ),
                word="INSUFFICIENT",
                needed=self._needed(process),
            )
            for process in empty
            if process not in self._index  # Else its evidence is stored as soon as it moves.
        ]
        return [evidence_rows(about, rows, empty_columns(len(rows)))] if rows else []

    def _slices(self, strata: Sequence[SliceSeries]) -> dict[str, dict[str, str]]:
        """Return the slices that strata belong to: text -> dimension -> value."""
        all_dims = [{name: stratum.dims[name] for name in grain} for stratum in strata for grain in self._grains]
        return {slice_text(tuple(dims.items())): dims for dims in all_dims}

    def _changes(self, words: Sequence[Word], pane: int) -> list[Verdict]:
        """Tell what changed; and of all traffic how far it is, each time the candidate's events have doubled."""
        verdicts = []
        for index, word in enumerate(words):
            process = self._of[index]
            events = int(self._processes.counts[index, 0])
            last, at = self._announced.get(process, ("INSUFFICIENT", 0))
            doubled = process.slice == "*" and word == "INSUFFICIENT" and events >= max(2 * at, 1)
            if word != last or doubled:
                self._announced[process] = word, events
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


def without_measures(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what was saved of an evaluator before there were measures as what is saved of one that has none."""
    none = {"_limits": (), "_columns": len(fields["_slis"]), "_blipped": fields["_at_once"], "_exceeding": {}}
    return fields | none


def without_guard(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what was saved of an evaluator before it looked at slices of outcomes, when alpha was shared equally."""
    rule, columns = fields["rule"], fields["_columns"]
    cap = BLIP_CAP if rule.blip_ms else float("inf")
    equal = dict.fromkeys(range(columns), 1.0 / columns)
    releases = {*fields["_strata"], *(process.release for process in fields["_of"])}
    kept = {name: value for name, value in fields.items() if name != "_levels"}
    return kept | {
        "_guard": Guard(rule.tolerance, rule.margin, cap),
        "_spent": {release: Spending(columns=columns, shares=dict(equal)) for release in releases},
    }


def without_shares(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what was saved of an evaluator before labels were counted of requests: none was yet."""
    rule, cap = fields["rule"], BLIP_CAP if fields["rule"].blip_ms else float("inf")
    most = WINDOW_MS_MAX // fields["_pane_ms"]
    return fields | {"_shares": LabelShares(rule, fields["_dimensions"], fields["_grains"], cap, most)}
