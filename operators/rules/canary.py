"""A canary rule on all releases of a shard: an e-process for each of their SLIs and slices, and their results."""

from collections.abc import Collection, Sequence

from operators.rules.canary_evidence import evidence_of, evidences_of
from operators.rules.canary_gathering import gather, gather_labels
from operators.rules.canary_promotion import CanaryResult, remains, result_of
from operators.rules.canary_rows import about_of, moved_rows, new_rows
from operators.rules.canary_state import CanaryState
from operators.rules.canary_words import evaluated
from operators.rules.comparison import Comparison
from operators.rules.label_delays import LabelDelays
from operators.rules.labels import NO_LABELS, Labels
from operators.rules.pane_counts import PaneCounts
from operators.rules.shown_columns import word_codes
from operators.rules.spreads import NO_SPREADS, Spreads
from operators.rules.unserved import Rings
from operators.rules.value_history import ValueShift
from operators.rules.verdict import Verdict
from operators.store.rows import Rows
from operators.window.series_index import SliceSeries
from operators.wire.control import Evidence, Word


class CanaryEvaluator(CanaryState):
    """Takes panes, one by one; what it keeps is its state (`canary_state.py`).

    `results` are those of the last pane, None where they are unknown. Those of the releases `resting` stay as they are
    while no word changes, unless a slice comes that only one version serves.
    """

    results: dict[Comparison, CanaryResult] | None
    resting: Sequence[Comparison] | None

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
        warming: Collection[Comparison] = (),
    ) -> tuple[list[Verdict], dict[Comparison, CanaryResult], list[Rows]]:
        """Take a pane; return the verdicts that changed, the result of each release that has been compared, and rows.

        `labels` are those that came in the pane, `delays` were learned from labels before it, `spreads` are its
        measures; `policy` is the hash that rows name, `rings` the slices to which releases are limited. For releases
        that are `warming` the pane counts only labels, and sets limits of measures.
        """
        releases = self.followed(releases)
        gather(self, counts, names, releases, spreads, warming)
        gather_labels(self, counts, names, releases, labels, delays)
        anew = len(self.words) != len(self.of)  # A blip has ended, or a release has.
        if anew:
            self.words = evaluated(self)
        results = self._results(releases, rings, anew=anew)
        about = about_of(self, counts.pane, policy)
        whole = [release for release, each in results.items() if each.far]
        rows = moved_rows(self, about, self.words, whole) if anew else []
        changes = self._changes(self.words, counts.pane) if anew or self.results is None else []
        self.results = results
        return changes, results, rows + new_rows(self, about)

    def _derive(self) -> None:
        super()._derive()
        self.results = self.resting = None

    def _results(self, releases: Sequence[Comparison], rings: Rings, *, anew: bool) -> dict[Comparison, CanaryResult]:
        """Return the results of releases; they stay while no word changes, except where a promotion is near."""
        self.placed.follow(self.of)
        numbers, before = self.placed.by_release, {} if anew or self.results is None else self.results
        apart = self.pooled_strata().apart() if before and self.strata else set()
        if before and self.resting is releases and not apart:
            return before
        results = {}
        for release in releases:
            if release in numbers:
                known = before.get(release)
                if known is None or not remains(known, apart=release in apart):
                    known = result_of(self, numbers[release], self.words, rings.get(release, ()))
                results[release] = known
        self.resting = releases if all(remains(each, apart=False) for each in results.values()) else None
        return results

    @property
    def quiet(self) -> bool:
        """Whether the end of the running blip would change nothing, and no labels become mature."""
        return self.labelled.quiet and not any(strata.ready(self.blipped) for strata in self.strata.values())

    def current(self, series: tuple[str, str, str], compared: str | None) -> Evidence | None:
        """Return how far a candidate is from its baseline on a slice, by an SLI or measure; None if not compared."""
        slis = self.rule.slis
        names = [*slis, *(limit.name for limit in self.limits)]
        mine = [index for index in self.placed.of_slice(self.of, series) if names[self.of[index].sli] == compared]
        return evidence_of(self, self.most(mine)) if mine else None

    def shift(self, of: tuple[str, str, str], since: int, code: int | None) -> ValueShift | None:
        """Return how the values of a baseline have moved, for a (model, candidate, measure) (`Exceeding.shift`)."""
        model, candidate, measure = of
        numbers = {number for number, limit in enumerate(self.limits, len(self.rule.slis)) if limit.name == measure}
        whole = self.placed.of_slice(self.of, (model, candidate, "*"))
        mine = [index for index in whole if self.of[index].sli in numbers]
        if not mine:
            return None
        process = self.of[self.most(mine)]
        self.gathered.settle()
        return self.exceeding[process.release].shift(process.sli - len(self.rule.slis), since, code)

    def _changes(self, words: Sequence[Word], pane: int) -> list[Verdict]:
        """Return verdicts that changed; of all traffic also INSUFFICIENT ones whose candidate's events have doubled."""
        events, columns = self.processes.counts[:, 0], self.announced_columns
        columns.follow(self.of, self.announced)
        changed = columns.changed(word_codes(words), events, self.placed.whole).tolist()
        for index, count in zip(changed, events[changed].tolist(), strict=True):
            self.announced[self.of[index]] = words[index], count
        return [
            Verdict(
                rule=self.rule.name, series=self.series[self.of[index]], word=words[index], pane=pane, evidence=found
            )
            for index, found in zip(changed, evidences_of(self, changed), strict=True)
        ]
