"""The policy: everything that changes results, as typed values. `policy_file.toml.parse` makes and checks one."""

from typing import NamedTuple

import msgspec

from operators.policy.claims import NOBODY, Claims
from operators.policy.command_keys import Commands
from operators.policy.dead_letters import DeadLetters
from operators.policy.dedup import Dedup
from operators.policy.enrich import Enrich
from operators.policy.evaluators import AnswerEvaluator, Evaluate
from operators.policy.measures import Measure
from operators.policy.monitors import Monitor, Sampling, Watched, WatchedColumn
from operators.policy.otel import Otel
from operators.policy.privacy import Archive, Privacy
from operators.policy.releases import Releases
from operators.policy.rules import Rule
from operators.policy.sli import Sli
from operators.policy.triage import Triage
from operators.policy.windows import Report, Window
from operators.policy.worker import SHARDS, Worker

RUNBOOKS = "infra/runbooks"  # Where the runbook pages are, unless the policy says otherwise.


class CountColumns(NamedTuple):
    """What some counts have columns for: how many SLIs and measures, which slice dimensions and watched fields.

    Closed panes are held in the ring of this number, and are `pane_ms` long; 0: as in the policy.
    """

    slis: int
    measures: int
    dimensions: tuple[str, ...]
    watched: tuple[WatchedColumn, ...]
    ring: int = 0
    pane_ms: int = 0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A checked policy. `grains` are the reported slices as indices into `dimensions`; () is `*`.

    `reports` says by window which of its rows are stored; a window that is not in it stores all. `stored_ms` is the
    length of the panes that are stored, a multiple of `pane_ms`; None where panes are stored as they close.

    `idle_ms` is by stream. `outliers` is how many events ahead of all others do not move a partition's time.
    `behind_ms` is how far a partition may fall behind the broker's clock before others no longer wait for it.
    `hash` names the whole policy, `shape` the parts of it that decide which counts are kept; `text` is its TOML.
    `waiting` are the names of monitors that have no profile yet.
    `runbook_base` is where the pages are that control events link to.
    `timezone` is that of the hours by which detectors on series learn a season.
    `watched` are the fields whose distribution some of the `monitors` need, in the order of their offsets.
    `models` are the models that it is for, as file-name patterns, none: all; `left_out` says in words what its file
    leaves out and takes from the default policy.
    With `teams` the policy is that of several files (`policy_file/teams.py`): the worker's settings are here, all else
    is in the policy of each `team`, and `claims` says which of them takes a model. A team's state is kept under its
    name, which may differ from its `file`, and in the slots of closed panes that begin with `slot_prefix`.
    `rest` names what decides, besides SLIs and measures, which counts are kept; `frame` what decides it besides these,
    the slice dimensions and the windows. `earlier` has the shapes of saved state that goes on under this policy, each
    with its columns (`layout.py`). `rings` lists how many closed panes were held at first, and after each time that
    longer windows made them more.
    """

    pane_ms: int
    disorder_ms: int
    late_horizon_ms: int
    future_ms: int
    idle_ms: dict[str, int]
    outliers: int
    behind_ms: int
    dimensions: tuple[str, ...]
    grains: tuple[tuple[int, ...], ...]
    series_max: int
    versions_max: int
    models_max: int
    error_types_max: int
    windows: tuple[Window, ...]
    reports: dict[Window, tuple[Report, ...]] = {}
    stored_ms: int | None = None
    measures: tuple[Measure, ...]
    slis: tuple[Sli, ...]
    dead_letters: DeadLetters
    privacy: Privacy = Privacy()
    archive: Archive = Archive()
    enrich: Enrich = Enrich()
    evaluate: Evaluate = Evaluate()
    evaluators: tuple[AnswerEvaluator, ...] = ()
    dedup: Dedup = Dedup()
    otel: Otel = Otel()
    triage: Triage = Triage()
    worker: Worker = Worker()
    rules: tuple[Rule, ...] = ()
    releases: Releases = Releases()
    commands: Commands = Commands()
    monitors: tuple[Monitor, ...] = ()
    waiting: tuple[str, ...] = ()
    watched: tuple[Watched, ...] = ()
    sampling: Sampling = Sampling()
    timezone: str = "UTC"
    runbook_base: str = RUNBOOKS
    hash: str
    shape: str
    text: str = ""
    models: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    team: str = ""
    file: str = ""
    slot_prefix: str = ""
    teams: tuple["Policy", ...] = ()
    claims: Claims | None = None
    rest: str = ""
    frame: str = ""
    rings: tuple[int, ...] = ()
    earlier: dict[str, CountColumns] = {}

    def of(self, model: str) -> "Policy | None":
        """Return the policy of a model, None where it is nobody's."""
        if self.claims is None:
            return self
        team = self.claims.of(model)
        return None if team == NOBODY else self.teams[team]

    @property
    def shards(self) -> int:
        """The number of shards over which models are spread."""
        return self.worker.shards or SHARDS

    @property
    def spread(self) -> int:
        """The number of shards over which its own models are spread: fewer where several files share a worker."""
        return (self.worker.spread if self.team else None) or self.shards

    @property
    def each(self) -> tuple["Policy", ...]:
        """The policies that models have: those of the teams, or this one."""
        return self.teams or (self,)

    @property
    def estimated(self) -> frozenset[str]:
        """The names of the SLIs whose good and bad events are not counted, but estimated from scores."""
        return frozenset(sli.name for sli in self.slis if sli.estimated_from)

    @property
    def columns(self) -> CountColumns:
        """What its counts have columns for."""
        watched = tuple(each.column for each in self.watched)
        ring = max(len(self.rings) - 1, 0)
        return CountColumns(len(self.slis), len(self.measures), self.dimensions, watched, ring, self.pane_ms)

    @property
    def slots(self) -> int:
        """The number of slots that hold every closed pane some window still needs: the longest size and hop."""
        longest = max((window.size_ms + window.every_ms for window in self.windows), default=0)
        return max(longest // self.pane_ms, *self.rings, 0)

    @property
    def bins(self) -> int:
        """The number of bins that all watched fields have together."""
        return sum(watched.bins for watched in self.watched)

    def watched_by(self, monitor: Monitor) -> list[int]:
        """Return the index into `watched` of each field that a monitor is on; none for ADWIN and Page-Hinkley."""
        whose = (monitor.model, monitor.profile)
        known = {each.name: index for index, each in enumerate(self.watched) if (each.model, each.profile) == whose}
        return [known[name] for name in monitor.on if name in known]
