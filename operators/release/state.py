"""A version that a release is about, or that rules act on: its baseline, since when, and its phase."""

from collections.abc import Mapping
from typing import cast

import msgspec

from operators.release.phase_states import Actionable, AnyState, Hold, Promoted, RollingOut, Times, Withdrawn
from operators.release.transitions import Phase
from operators.stats.sample_ratio import TrafficSplit
from operators.window.samples import Sample
from operators.wire.commands import Release
from operators.wire.control import Found
from operators.wire.events import Scalar
from operators.wire.fitting import details_of


class ReleaseState(msgspec.Struct, kw_only=True):
    """One candidate, or a version without a release (`serving.py`), which has no baseline.

    `since` is the pane it began with, `state` what is known of it in its phase. `declared` is the command that began
    it, if any; `unseen` are its versions that have not served since. `requests` are some of its bad requests; `found`
    is what monitors found on it, `found_beside` on its baseline. It is compared for the `attempt`-th time, from pane
    `warm_from` on, but not by events in panes before `warm_until`, as it has just got a larger share (`warming.py`).
    """

    candidate: str
    baseline: str
    since: int
    state: AnyState
    declared: Release | None = None
    unseen: tuple[str, ...] = ()
    requests: tuple[Sample, ...] = ()
    found: dict[str, Found] = {}
    found_beside: dict[str, Found] = {}
    attempt: int = 0
    warm_until: int = 0
    warm_from: int = 0

    @property
    def phase(self) -> Phase:
        return cast(Phase, self.state.__struct_config__.tag)

    @property
    def is_actionable(self) -> bool:
        """Whether rules may act on the candidate."""
        return isinstance(self.state, Actionable)

    @property
    def actionable(self) -> Actionable:
        """What rules know of the candidate. LookupError where they may not act on it."""
        if not isinstance(self.state, Actionable):
            raise LookupError(f"no rule acts on what is {self.phase}")
        return self.state

    @property
    def holds(self) -> Mapping[str, Hold]:
        """How rules hold the promotion."""
        return self.state.holds if isinstance(self.state, Actionable) else {}

    @property
    def split(self) -> TrafficSplit | None:
        """The test of the declared share of the traffic, while the candidate is rolled out; None: none was declared."""
        return self.state.split if isinstance(self.state, RollingOut) else None

    @property
    def compared(self) -> bool:
        """Whether it is compared with a baseline."""
        return isinstance(self.state, RollingOut | Promoted) and bool(self.baseline)

    @property
    def withdrawn(self) -> bool:
        """Whether the candidate should serve nobody."""
        return isinstance(self.state, Withdrawn)

    @property
    def times(self) -> Times:
        """When its harm began and was detected, its traffic had moved and users were well."""
        return self.state.times

    def diff(self) -> dict[str, tuple[Scalar | None, Scalar | None]]:
        """Return in which fields the release's metadata of baseline and candidate differ."""
        if self.declared is None:
            return {}
        old, new = details_of(self.declared, "baseline"), details_of(self.declared, "candidate")
        names = sorted(old.keys() | new.keys())
        return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
