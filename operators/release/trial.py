"""A release under judgement: a candidate beside its baseline, from the first request to what became of it."""

import msgspec

from operators.control import Affected, Evidence, Release
from operators.events import Scalar
from operators.release.phases import Phase
from operators.verdict.traffic_split import TrafficSplit


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a candidate was rolled back: the rule, and the level the pinned version has to come below to be well.

    `sli` is an index and `bad_max` a ratio of bad events; None where the rule has no SLI.
    """

    rule: str
    runbook: str
    slices: tuple[Affected, ...]
    evidence: Evidence
    sli: int | None = None
    bad_max: float | None = None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """Panes since `since` [Unix ms] in which the candidate had hardly any requests: its own, and of all versions."""

    since: int
    requests: int = 0
    total: int = 0


class Trial(msgspec.Struct, kw_only=True):
    """One candidate; `since` is the pane it began with, times are Unix ms.

    `holds` say why a promotion is held, by the rule that holds it. `said` are things said once: (what, rule). After a
    rollback `share` is the candidate's share of requests before it, `gone` what came without it since, and `good`,
    `bad` count the pinned version since it was applied.
    """

    candidate: str
    baseline: str
    since: int
    phase: Phase = "steady"
    release: Release | None = None
    split: TrafficSplit | None = None
    holds: dict[str, str] = {}
    said: set[tuple[str, str]] = set()
    cause: Cause | None = None
    onset: int | None = None
    detected: int | None = None
    applied: int | None = None
    recovered: int | None = None
    share: float = 0.0
    gone: Gone | None = None
    good: int = 0
    bad: int = 0

    @property
    def judged(self) -> bool:
        """Whether rules may act on the candidate."""
        return self.phase in ("rolling_out", "steady")

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
