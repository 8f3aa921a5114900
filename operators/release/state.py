"""A release under judgement: a candidate beside its baseline, from the first request to what became of it."""

from typing import Literal

import msgspec

from operators.release.replaced import Replaced
from operators.release.traffic import Counted
from operators.release.transitions import Phase
from operators.stats.recovery_test import Health
from operators.stats.sample_ratio import TrafficSplit
from operators.stats.traffic_gone import Gone
from operators.stats.traffic_share import Excess
from operators.window.samples import Sample
from operators.wire.commands import Release
from operators.wire.control import Affected, Evidence, Found
from operators.wire.events import Scalar

# "unpinnable": there is no version to go back to; "cool-down": none is gone back to so soon after another rollback.
# "slice": all traffic would pass, a small slice is surely far worse.
Hold = Literal["hold", "throttle", "unpinnable", "shared cause", "cool-down", "one producer", "slice"]


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a candidate was rolled back: the rule, and the level the pinned version has to come below to be well.

    `sli` is an index, `bad_max` a ratio of bad events, and `bad_well` one that is well; None where the rule has no SLI.
    `by_hand`: it was a command, and `rule` is what that is called.
    """

    rule: str
    runbook: str
    slices: tuple[Affected, ...]
    evidence: Evidence
    sli: int | None = None
    bad_max: float | None = None
    bad_well: float | None = None
    by_hand: bool = False


class ReleaseState(msgspec.Struct, kw_only=True):
    """One candidate, or a version without a release (`serving.py`), which has no baseline.

    `since` is the pane it began with, times are Unix ms.

    `holds` say how a rule holds the promotion as of the last pane, `held` as of the one before. `shared` has by SLI
    what the baseline served before it degraded as well, for as long as it does. After a rollback `share` is the
    candidate's share of requests before it, `gone` says whether it has surely left, and `health` how what serves does;
    `excess` says whether it surely serves, and `loose` that people are to hear of that although it was never seen to
    have left: what kept it away was lifted, or there were too few requests to tell. One that is `throttled` must get
    little traffic. `missed` requests came since its last one, of which it had `usual` [share] before; `silent`: that
    was told. `refuge` is where its traffic was sent when it was withdrawn. `unseen` are its versions that have not
    served since it was declared. `producers` has by bucket and producer the candidate's events of each SLI, then the
    bad ones of each. `requests` are some of its bad ones; `found` is what monitors found on it, `found_beside` on its
    baseline. `replaced` is by rule what is known of it while its baseline serves no more.
    """

    candidate: str
    baseline: str
    since: int
    phase: Phase = "steady"
    release: Release | None = None
    split: TrafficSplit | None = None
    holds: dict[str, Hold] = {}
    held: dict[str, Hold] = {}
    shared: dict[int, Counted] = {}
    cause: Cause | None = None
    onset: int | None = None
    detected: int | None = None
    applied: int | None = None
    recovered: int | None = None
    share: float = 0.0
    gone: Gone | None = None
    health: Health | None = None
    excess: Excess | None = None
    loose: bool = False
    throttled: bool = False
    usual: float = 0.0
    missed: int = 0
    silent: bool = False
    refuge: str | None = None
    unseen: tuple[str, ...] = ()
    producers: dict[int, dict[str, list[int]]] = {}
    requests: tuple[Sample, ...] = ()
    found: dict[str, Found] = {}
    found_beside: dict[str, Found] = {}
    replaced: dict[str, Replaced] = {}

    @property
    def judged(self) -> bool:
        """Whether rules may act on the candidate."""
        return self.phase in ("serving", "rolling_out", "steady")

    @property
    def compared(self) -> bool:
        """Whether it is judged beside a baseline."""
        return self.phase in ("rolling_out", "steady") and bool(self.baseline)

    @property
    def withdrawn(self) -> bool:
        """Whether the candidate should serve nobody."""
        return self.phase in ("rolled_back", "verifying", "recovered", "ineffective")

    def diff(self) -> dict[str, tuple[Scalar | None, Scalar | None]]:
        """Return what the metadata of the release says differently of baseline and candidate."""
        metadata = self.release.metadata if self.release is not None else {}
        old, new = metadata.get("baseline", {}), metadata.get("candidate", {})
        names = sorted(old.keys() | new.keys())
        return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}
