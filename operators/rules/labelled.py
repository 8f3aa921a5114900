"""The SLIs of a canary rule that are on feedback: the cohorts of every release that is compared."""

from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import msgspec

from operators.rules.asked_requests import AskedRequests, PaneRequests
from operators.rules.cohorts import Block, Cohorts
from operators.rules.comparison import Comparison
from operators.rules.label_chains import thinned_labels
from operators.rules.label_delays import LabelDelays
from operators.rules.labels import Labels
from operators.wire.control import Maturity


class _Asked(msgspec.Struct):
    """Requests of some panes up to `pane`, during which these releases were compared."""

    pane: int
    releases: list[Comparison]
    requests: AskedRequests


class Labelled:
    """State: cohorts by release and SLI. `slis` are those on feedback: number in the rule -> number in the policy.

    `least` is the smallest number of panes that a block lasts, `age_panes` the age that the rule sets.
    """

    _asked: _Asked | None
    _last: tuple[list[Comparison], list[tuple[Comparison, int, Cohorts]]] | None

    def __init__(self, slis: dict[int, int], pane_ms: int, least: int, age_panes: int | None) -> None:
        self.slis, self.pane_ms, self.least, self.age_panes = slis, pane_ms, least, age_panes
        self.cohorts: dict[tuple[Comparison, int], Cohorts] = {}
        self._derive()

    def take(
        self,
        pane: int,
        releases: Sequence[Comparison],
        labels: Labels,
        delays: LabelDelays,
        requests: PaneRequests | None = None,
        shares: Mapping[Comparison, Mapping[int, float]] = {},  # Only read.
    ) -> Iterator[tuple[Comparison, int, Block]]:
        """Count the labels of a pane for their requests; yield the blocks that are mature with its end.

        `shares` are the shares of labels that count, by release and SLI of the policy (`label_chains.py`).
        """
        models = {name.model for name in labels.names}
        slices, texts = [tuple(name.dims.values()) for name in labels.names], [name.text for name in labels.names]
        self._ask(pane, releases, requests)
        each = self._each(releases)
        for release, sli, cohorts in each if models or not all(cohorts.stretches for _, _, cohorts in each) else ():
            if release.model in models or not cohorts.stretches:
                number = self.slis[sli]
                cohorts.learn(pane, delays.known.get((release.model, release.baseline, number)))
                for arm, version in enumerate((release.candidate, release.baseline) if release.model in models else ()):
                    mine = labels.of(release.model, version, number)
                    share = shares.get(release, {}).get(number, 1.0)
                    cohorts.add(pane, arm, thinned_labels(mine, texts, share, pane) if share < 1 else mine, slices)
        if pane % self.least == self.least - 1:
            self.settle()
        for release, sli, cohorts in each:
            for block in cohorts.take(pane):
                yield release, sli, block

    def settle(self) -> None:
        """Give cohorts the requests gathered over some panes: their blocks end with these."""
        asked, self._asked = self._asked, None
        requests = asked.requests.by_version() if asked is not None else {}
        for release in asked.releases if asked is not None else ():
            for sli in self.slis:
                cohorts = self.cohorts.get((release, sli))
                for arm, version in enumerate((release.candidate, release.baseline)):
                    if cohorts is not None and asked is not None:
                        cohorts.add_requests(asked.pane, arm, requests.get((release.model, version), {}))

    def _ask(self, pane: int, releases: Sequence[Comparison], requests: PaneRequests | None) -> None:
        """Gather the requests of a pane with those of earlier panes, as long as all count for the same blocks."""
        known = self._asked
        if known is None or not self._together(known, pane, releases):
            self.settle()
            known = self._asked = _Asked(pane, list(releases), AskedRequests())
        known.pane = pane
        if requests is not None:
            known.requests.add(requests)

    def _together(self, known: _Asked, pane: int, releases: Sequence[Comparison]) -> bool:
        """Whether the requests gathered so far count for the same blocks as those of a pane."""
        begun = any(known.pane < release.begins <= pane for release in releases)
        return known.pane // self.least == pane // self.least and known.releases == releases and not begun

    def __getstate__(self) -> dict[str, Any]:
        """All fields, after gathered requests are given to their cohorts."""
        self.settle()
        return {name: value for name, value in self.__dict__.items() if name not in ("_asked", "_last")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._derive()

    def _derive(self) -> None:
        """Begin what is not saved: gathered requests, and the cohorts of the last pane's releases."""
        self._asked = self._last = None

    def forget(self, live: Set[Comparison]) -> None:
        """Keep only these releases."""
        self.cohorts = {key: cohorts for key, cohorts in self.cohorts.items() if key[0] in live}
        self._last = None

    @property
    def quiet(self) -> bool:
        """Whether no labels become mature as time passes."""
        return all(cohorts.quiet for cohorts in self.cohorts.values())

    def may_promote(self, release: Comparison, sli: int) -> bool:
        """Whether the compared labels are old enough; True for an SLI without cohorts."""
        cohorts = self.cohorts.get((release, sli))
        return cohorts is None or cohorts.may_promote

    def has_waited(self, release: Comparison, sli: int) -> bool:
        """Whether a candidate has served long enough for labels that are much slower to have shown."""
        cohorts = self.cohorts.get((release, sli))
        return cohorts is None or cohorts.has_waited

    def dated(self, release: Comparison, sli: int) -> bool:
        """Whether labels were counted for their own requests, by the times of these."""
        cohorts = self.cohorts.get((release, sli))
        return cohorts is not None and cohorts.dated

    def slower(self, release: Comparison, sli: int) -> str:
        """Return which labels of the candidate surely come later than the baseline's: "good", "bad", or "" for none."""
        cohorts = self.cohorts.get((release, sli))
        return "" if cohorts is None else cohorts.pace.slower()

    def renewed(self, release: Comparison, sli: int) -> bool | None:
        """Whether labels of an SLI were thrown away, which may happen once; None where their age was known at once."""
        cohorts = self.cohorts.get((release, sli))
        return None if cohorts is None else _renewed(cohorts)

    def all_renewed(self) -> list[bool | None]:
        """Return `renewed` for each release and SLI with cohorts."""
        return [_renewed(cohorts) for cohorts in self.cohorts.values()]

    def maturity(self, release: Comparison, sli: int) -> Maturity | None:
        """Return how old the compared labels were; None for an SLI on events."""
        cohorts = self.cohorts.get((release, sli))
        return None if cohorts is None else cohorts.maturity

    def _each(self, releases: Sequence[Comparison]) -> list[tuple[Comparison, int, Cohorts]]:
        """Return the cohorts of releases, by SLI."""
        if self._last is None or self._last[0] != releases:
            every = [(release, sli, self._of(release, sli)) for release in releases for sli in self.slis]
            self._last = list(releases), every
        return self._last[1]

    def _of(self, release: Comparison, sli: int) -> Cohorts:
        known = self.cohorts.get((release, sli))
        if known is None:
            known = Cohorts(begins=release.begins, pane_ms=self.pane_ms, least=self.least, age_set=self.age_panes)
            self.cohorts[release, sli] = known
        return known


def _renewed(cohorts: Cohorts) -> bool | None:
    return None if not cohorts.stretches or cohorts.stretches[0].believed else cohorts.renewed
