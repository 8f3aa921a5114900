"""What a canary rule keeps of the releases of a shard."""

import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np

from operators.arrays import Floats
from operators.policy.policy import Policy
from operators.rules.alpha import Alphas
from operators.rules.arm_values import ComparedLeaves
from operators.rules.canary_keys import Canary
from operators.rules.canary_verdict import Terms
from operators.rules.comparison import Comparison
from operators.rules.evidence_log import EvidenceLog, Process
from operators.rules.exceeding import Exceeding, columns, limits_of
from operators.rules.gathered_values import GatheredValues
from operators.rules.guard import Guard
from operators.rules.kept_estimates import KeptEstimates
from operators.rules.label_shares import LabelShares
from operators.rules.labelled import Labelled
from operators.rules.pooled_strata import PooledStrata
from operators.rules.process_index import ProcessIndex
from operators.rules.process_places import ProcessPlaces
from operators.rules.recurring import Recurring, by_version
from operators.rules.served_places import PairPlaces, ServedPlaces
from operators.rules.shown_columns import AnnouncedColumns, ShownColumns
from operators.rules.strata import Strata
from operators.spans import HOUR_MS
from operators.stats.e_process import EProcesses
from operators.stats.slice_weights import SliceWeights
from operators.stats.spending import Spending
from operators.window.maturing import waits
from operators.window.series_index import SliceSeries, slice_text
from operators.wire.control import Affected, Word

# One blip multiplies an E-value by this at most: 60, for an alpha of 1 / 60, is beyond 2.5 ** 4, so it takes five.
BLIP_CAP = 2.5
WINDOW_MS_MAX = HOUR_MS  # The longest window whose events are compared together, where there is little traffic.
Slices = Mapping[str, Mapping[str, str]]  # By their texts: dimension -> value.


def cap_of(rule: Canary) -> float:
    """Return the factor by which one block may multiply an E-value at most."""
    return BLIP_CAP if rule.blip_ms else math.inf


class CanaryState:
    """The e-processes, what each is about, the last verdict and stored row of each, and the running blip.

    SLIs on labels are not counted in blips, but in the blocks of `labelled.py`.
    """

    def __init__(self, rule: Canary, policy: Policy) -> None:
        self.rule = rule
        self.pane_ms = policy.pane_ms
        self.blip_panes = max(rule.blip_ms // policy.pane_ms, 1)
        self.terms = Terms(
            tolerance=rule.tolerance,
            tolerance_points=rule.tolerance_points,
            margin=rule.margin,
            margin_points=rule.margin_points,
        )
        self._compare(policy)
        cap = cap_of(rule)
        self.processes = EProcesses(rule.tolerance, rule.margin, rule.slice_margin, cap=cap)
        self.kept = KeptEstimates(self.processes)
        self.guard = Guard(rule.tolerance, rule.margin, cap)
        self.shares = LabelShares(rule, policy.dimensions, self.grains, cap, WINDOW_MS_MAX // policy.pane_ms)
        self.exceeding: dict[Comparison, Exceeding] = {}
        self.cold: dict[Comparison, list[int]] = {}  # Panes that were left out, as long as cohorts of them may count.
        self.spent: dict[Comparison, Spending] = {}
        self.recurring: dict[tuple[Comparison, int], Recurring] = {}  # Of candidate (0) and baseline (1).
        self.raters: dict[tuple[Comparison, int], Recurring] = {}
        self.of: list[Process] = []
        self.series: dict[Process, SliceSeries] = {}
        self.index: dict[Process, int] = {}
        self.strata: dict[Comparison, Strata] = {}
        self.weights: dict[tuple[Comparison, int], SliceWeights] = {}
        self.blip: int | None = None  # Number of the blip that runs.
        self.words: list[Word] = []  # Of each process; shorter than `of` while processes are to be judged anew.
        self.bad: set[Process] = set()  # Slices that were found BAD: they stay BAD.
        self.proofs: dict[Process, Affected] = {}  # Of those that are BAD.
        self.announced: dict[Process, tuple[Word, int]] = {}  # The word, and the events it was last told at.
        self.log = EvidenceLog()
        self.doubts: dict[Process, str] = {}  # Of those that would pass.
        self._derive()

    def _compare(self, policy: Policy) -> None:
        """Derive what the rule compares: SLIs, limits of measures, slices."""
        rule = self.rule
        self.limits = limits_of(rule, policy)
        self.columns = columns(rule)
        names = [sli.name for sli in policy.slis]
        self.slis = [names.index(name) for name in rule.slis]
        on_labels = np.array([policy.slis[index].on_labels for index in self.slis], bool)
        self.at_once = np.flatnonzero(~on_labels)
        self.blipped = np.concatenate([self.at_once, np.arange(len(rule.slis), self.columns)])
        self.labelled = Labelled(
            {index: self.slis[index] for index in np.flatnonzero(on_labels).tolist()},
            policy.pane_ms,
            self.blip_panes,
            None if rule.maturity_ms is None else rule.maturity_ms // policy.pane_ms,
        )
        # How many panes after the requests SLIs by cohorts are counted (`window/maturing.py`).
        self.waits = {at: waits(policy)[sli] for at, sli in enumerate(self.slis) if sli in waits(policy)}
        self.served = [at for at, sli in enumerate(policy.slis) if not sli.on_feedback]  # SLIs of the policy on events.
        self.dimensions = policy.dimensions
        self.finest = frozenset(policy.dimensions)
        self.grains = [tuple(policy.dimensions[index] for index in grain) for grain in rule.grains]

    def __getstate__(self) -> dict[str, Any]:
        """All fields, after gathered values are put where they belong."""
        self.gathered.settle()
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.index = {process: index for index, process in enumerate(self.of)}
        self.kept = KeptEstimates(self.processes)
        self._derive()
        self.recurring, self.raters = by_version(self.recurring), by_version(self.raters)
        # A cap is known before its block, so evidence that an older worker gathered under another cap still holds.
        for each in (self.processes, self.guard.processes, *self.shares.processes):
            each.log_cap = math.log(cap_of(self.rule))

    def _derive(self) -> None:
        """Set up what is not saved: it is derived from the rest when it is needed."""
        self.releases: list[Comparison] | None = None  # Of the last pane.
        self.live: Set[Comparison] | None = None  # The releases of which anything is kept; None where not known.
        self.gathered = GatheredValues()
        self.pooled: PooledStrata | None = None
        self.places: ServedPlaces | None = None
        self.leaves: ComparedLeaves | None = None
        self.pair_places: PairPlaces | None = None
        self.process_places: ProcessPlaces | None = None
        self.placed = ProcessIndex()
        self.shown, self.announced_columns = ShownColumns(), AnnouncedColumns()
        self.dropped = True  # Whether processes may have been dropped since rows were last made.
        self.alphas: dict[tuple[Comparison, int], tuple[object, Alphas]] = {}
        self.level_columns: tuple[object, Floats] | None = None
        self._slices: dict[str, Slices] = {}

    @property
    def by_event(self) -> list[int]:
        """The policy's SLIs that set the share of events that counts: the rule's own on events, else all on events."""
        mine = [self.slis[at] for at in self.at_once.tolist() if at not in self.waits]
        return mine or self.served

    def followed(self, releases: Sequence[Comparison]) -> list[Comparison]:
        """Return the releases that are compared: the same objects while equal, as these are faster to look up."""
        if self.releases != releases:
            self.releases = list(releases)
            self.forget(set(releases))
        return self.releases

    def forget(self, live: set[Comparison]) -> None:
        """Keep only these releases."""
        before, self.live = self.live, live
        if before is not None and before <= live:
            return
        self.alphas, self.level_columns, self._slices = {}, None, {}
        self.strata = {release: strata for release, strata in self.strata.items() if release in live}
        self.exceeding = {release: each for release, each in self.exceeding.items() if release in live}
        self.spent = {release: each for release, each in self.spent.items() if release in live}
        self.recurring = {key: each for key, each in self.recurring.items() if key[0] in live}
        self.raters = {key: each for key, each in self.raters.items() if key[0] in live}
        self.cold = {release: each for release, each in self.cold.items() if release in live}
        self.guard.only(live)
        self.shares.only(live)
        self.weights = {key: each for key, each in self.weights.items() if key[0] in live}
        self.labelled.forget(live)
        self.log.forget(live)
        self.drop({process for process in self.of if process.release not in live})

    def drop(self, gone: set[Process]) -> None:
        if not gone:
            return
        kept = [index for index, process in enumerate(self.of) if process not in gone]
        self.processes.only(np.array(kept, np.int64))
        self.kept = KeptEstimates(self.processes)
        self.of, self.words = [self.of[index] for index in kept], []
        self.placed, self.level_columns, self.dropped = ProcessIndex(), None, True
        self.shown, self.announced_columns = ShownColumns(), AnnouncedColumns()
        self.index = {process: index for index, process in enumerate(self.of)}
        self.bad -= gone
        self.proofs = {process: proof for process, proof in self.proofs.items() if process not in gone}
        self.series = {process: self.series[process] for process in self.of}
        self.announced = {process: announced for process, announced in self.announced.items() if process not in gone}

    def strata_of(self, release: Comparison) -> Strata:
        known = self.strata.get(release)
        if known is None:
            known = self.strata[release] = Strata(self.columns, WINDOW_MS_MAX // self.pane_ms)
        return known

    def pooled_strata(self) -> PooledStrata:
        """Return the strata of all releases together; there must be some."""
        if self.pooled is None or not self.pooled.fits(self.strata):
            self.pooled = PooledStrata(self.strata)
        return self.pooled

    def open_strata(self, release: Comparison, pane: int) -> Strata:
        """Return the strata of a release, ready for the counts of a pane, in the pane's blip."""
        strata = self.strata_of(release)
        strata.open(self.begun(pane), self.blip_panes, self.blipped)
        return strata

    def begun(self, pane: int) -> int:
        """Return the pane with which the blip of a pane begins."""
        return pane // self.blip_panes * self.blip_panes

    def exceeding_of(self, release: Comparison) -> Exceeding:
        known = self.exceeding.get(release)
        if known is None:
            known = self.exceeding[release] = Exceeding(limits=self.limits)
        return known

    def grains_of(self, stratum: Mapping[str, str]) -> list[tuple[str, ...]]:
        """Return the grains of those slices of a stratum that are compared."""
        if not self.rule.named:
            return self.grains
        return [grain for grain in self.grains if self.rule.covers((name, stratum[name]) for name in grain)]

    def slices_of(self, stratum: SliceSeries) -> Slices:
        """Return the slices that are compared and that a stratum belongs to."""
        known = self._slices.get(stratum.text)
        if known is None:
            each = [{name: stratum.dims[name] for name in grain} for grain in self.grains_of(stratum.dims)]
            known = self._slices[stratum.text] = {slice_text(tuple(dims.items())): dims for dims in each}
        return known

    def number_of(self, release: Comparison, text: str, dims: Mapping[str, str], sli: int) -> int:
        """Return the number of the process of a slice."""
        process = Process(release, text, sli)
        index = self.index.get(process)
        if index is None:
            index = self.index[process] = len(self.of)
            self.of.append(process)
            self.series[process] = SliceSeries(release.model, release.candidate, text, dims)
        return index

    def numbers_of(self, release: Comparison, stratum: SliceSeries, sli: int) -> list[int]:
        """Return the numbers of the processes of all slices that a stratum belongs to."""
        key = release, stratum.text, sli
        known = self.placed.numbers.get(key)
        if known is None:
            known = [self.number_of(release, *each, sli) for each in self.slices_of(stratum).items()]
            self.placed.numbers[key] = known
        return known

    def most(self, indices: Sequence[int]) -> int:
        """Return the process with the strongest evidence: of a measure with several limits, the one to report."""
        return max(indices, key=lambda index: float(self.processes.log_e_peak[index]))
