"""All that is remembered about one model between panes, and the context of a pane that all of release/ works with."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy.rules import ReleaseRule
from operators.release.alerts import Alerts, Key
from operators.release.estimated_evidence import marked_estimated
from operators.release.event_writer import EventWriter
from operators.release.phase_states import Leaving, Promoted, RolledBack, RollingOut, Verifying, Withdrawn
from operators.release.state import ReleaseState
from operators.release.traffic import Served
from operators.release.transitions import URGENCY, Phase
from operators.rules.unserved import Elsewhere
from operators.rules.value_history import ValueShift
from operators.rules.verdict import Verdict
from operators.window.folded import Kind
from operators.window.samples import Sample
from operators.wire.control import Affected, ControlEvent, ControlType, Evidence, Notice, Severity, Word
from operators.wire.weights import capped


class CanaryFinding(msgspec.Struct, frozen=True, kw_only=True):
    """The finding of a canary rule on a release at a pane.

    `word`: BAD where an SLI is BAD on all traffic, OK where all pass and no slice is BAD. `bad` are the BAD series,
    worst first, `whole` those of them on all traffic, `far` slices that are surely far worse though not BAD. `evidence`
    is that of an SLI on all traffic, where OK. `alone` says what is not compared, because only one version serves it.
    `unserved` are slices of the baseline, the largest first, that prevent an OK because the candidate never served
    them; `doubtful` are the SLIs on all traffic that do so, each for the reason in its evidence. `elsewhere` gives the
    slices that the candidate has never served.
    """

    rule: ReleaseRule
    candidate: str
    word: Word
    whole: tuple[Affected, ...]
    bad: tuple[Affected, ...]
    evidence: Evidence
    alone: tuple[str, ...] = ()
    far: tuple[Affected, ...] = ()
    unserved: tuple[Affected, ...] = ()
    doubtful: tuple[Affected, ...] = ()
    elsewhere: Callable[[], tuple[Elsewhere, ...]] = tuple


class PaneContext(msgspec.Struct, frozen=True, kw_only=True):
    """The pane that has closed: `requests` by version, and apart `copies` of requests (`operators/wire/mirrored.py`).

    `current` gives the word of a rule on a version and slice, with the present evidence (`rules/current.py`); `above`
    the number of values of a version, slice and measure in histogram buckets up to one, and above it; `shift` how the
    values of a baseline have moved since a minute, by a rule, candidate and measure (`CanaryEvaluator.shift`). `slis`
    gives (S, 3) for a version and slice, None without any; `producers` (S, 3) for a version by producer, where the
    policy names the producer's dimension. `errors` are requests by version and error type, `samples` some of each
    version, in no order.
    """

    policy: Policy
    pane: int
    requests: dict[str, int]
    copies: dict[str, int] = {}
    slis: Callable[[str, str], Ints | None]
    producers: Callable[[str], dict[str, Ints]] = lambda version: {}
    current: Callable[..., tuple[Word | None, Evidence | None]] = lambda *of_what: (None, None)
    above: Callable[[str, str, int, int], tuple[int, int]] = lambda version, text, measure, code: (0, 0)
    shift: Callable[[str, str, str, int, int | None], ValueShift | None] = lambda rule, version, measure, since, code: (
        None
    )
    errors: Mapping[str, Mapping[str, int]] = {}
    samples: Mapping[str, Sequence[Sample]] = {}

    @property
    def ts(self) -> int:
        """The end of the pane, Unix ms."""
        return (self.pane + 1) * self.policy.pane_ms


class Overflow(msgspec.Struct, frozen=True, kw_only=True):
    """Names beyond a limit: the `last` pane with any, the most names in one pane, and the events of all panes."""

    last: int
    most: int = 0
    events: int = 0


class Lately(msgspec.Struct, kw_only=True):
    """One version: `errors` by minute and type, and the different values of its `lineage`, the newest last."""

    errors: dict[int, dict[str, int]] = {}
    lineage: dict[str, tuple[str, ...]] = {}


class Incident(msgspec.Struct, kw_only=True):
    """An incident that is not over: its `id`, and the `rule` it began with.

    `alerted` is the severity that people have been told; `withdrawn`: a version was withdrawn for it. `events` are the
    ids of its newest control events.
    """

    id: str
    rule: str
    alerted: Severity | None = None
    withdrawn: bool = False
    events: tuple[str, ...] = ()


class Model(msgspec.Struct, kw_only=True):
    """One model. `bad` are the verdicts that stand, by rule and version, then place.

    `cooled` ends a cool-down, Unix ms. `began` is the pane of the first request; once `settled`, new versions are
    candidates. `overflow` is what is beyond a limit now. `promoted` are the shares of versions since one was promoted;
    empty: gateways split the traffic by their own weights. `beside` says that others may serve beside the pinned
    version, which gets only what the withdrawn had. `incidents` are open, by rule and version; for those of a version
    under release another name stands for the rule (`incidents.py`). `mirrors` are the versions declared to answer only
    copies of requests. `unpinned` is when somebody lifted the pin [Unix ms]: it stays lifted until harm is found anew.
    `behind` has the last notice of each partition (`behind.py`). `attempts` says how often versions whose releases have
    ended were compared, for those compared most often; `targets` are the targets of versions from their releases, by
    SLI.
    """

    writer: EventWriter
    alerts: Alerts
    served: dict[str, Served] = {}
    releases: dict[str, ReleaseState] = {}
    overridden: set[str] = set()
    bad: dict[Key, dict[str, Verdict]] = {}
    began: int | None = None
    settled: bool = False
    cooled: int = 0
    promoted: dict[str, float] = {}
    beside: bool = False
    overflow: dict[Kind, Overflow] = {}
    incidents: dict[Key, Incident] = {}
    lately: dict[str, Lately] = {}
    mirrors: tuple[str, ...] = ()
    unpinned: int | None = None
    behind: dict[str, Notice] = {}
    attempts: dict[str, int] = {}
    targets: dict[str, dict[str, float]] = {}

    @property
    def phase(self) -> Phase:
        """The state of the model: that of its most urgent version."""
        return min((release.phase for release in self.releases.values()), key=URGENCY.index, default="steady")

    def phase_of(self, version: str) -> Phase:
        """Where a version stands: steady if nothing is known of it."""
        release = self.releases.get(version)
        if release is not None:
            return release.phase
        return "overridden" if version in self.overridden else "steady"

    @property
    def quiet(self) -> bool:
        """Whether time may pass without a trace while nothing comes in: nothing is due by time alone."""
        states = [release.state for release in self.releases.values()]
        withdrawn = any(isinstance(state, RolledBack | Verifying) for state in states)
        rolling = [state for state in states if isinstance(state, RollingOut | Promoted)]
        replaced = any(each.total for state in rolling for each in state.replaced.values())
        promoted = [each for state in rolling if isinstance(state, Promoted) for each in state.first_served.values()]
        first = any(known.counts for slices in promoted for known in slices.values())
        return not (withdrawn or replaced or first or self.overflow or self._waits)

    @property
    def rests(self) -> bool:
        """Whether a pane without anything for this model leaves no trace in it, whatever came in for others.

        Then the model has no release and no pin, is not about to settle, and no alert waits for anything.
        """
        settling = self.began is not None and not self.settled
        held = self.releases or self.overridden or self.overflow or self.writer.pin is not None
        return not (settling or held or self._waits)

    @property
    def _waits(self) -> bool:
        """Whether an alert waits for the end of a silence, or for the next pane to be resolved."""
        return any(firing.silenced or firing.is_over for firing in self.alerts.firing.values())

    @property
    def barred(self) -> tuple[str, ...]:
        """The versions that were withdrawn, and that nobody has let serve again since."""
        return tuple(sorted(name for name, release in self.releases.items() if release.withdrawn))

    @property
    def alone(self) -> str | None:
        """The version that all traffic must go to, None if others may have some."""
        return None if self.beside else self.writer.pin

    def weights(self, throttle_share: float) -> dict[str, float]:
        """Return the shares that versions must get, as events state them."""
        if self.alone is not None:
            return {self.alone: 1.0}
        slow = [
            name for name, release in self.releases.items() if release.is_actionable and release.actionable.throttled
        ]
        caps = dict.fromkeys(self.barred, 0.0) | dict.fromkeys(slow, throttle_share)
        return capped(self.promoted, caps) if self.promoted else caps

    def pin_to(self, version: str, beside: bool = False) -> None:
        """Send all traffic to a version; or only that of the withdrawn, where others serve well `beside` it."""
        self.writer.pin, self.beside, self.unpinned = version, beside, None

    def unpin(self) -> None:
        """Let traffic go to all versions that are not withdrawn; watch again the withdrawn that had not left yet."""
        self.writer.pin, self.beside = None, False
        for release in self.releases.values():
            state = release.state
            if isinstance(state, Withdrawn) and isinstance(state.traffic, Leaving):
                state.traffic.loose, state.excess = True, None

    def say(
        self,
        kind: ControlType,
        at: PaneContext,
        version: str,
        rule: str,
        severity: Severity,
        release: ReleaseState | None = None,
        **fields: object,
    ) -> ControlEvent:
        """Return a control event; alerts may be muted, nothing else is. With `lifts` the version may serve again."""
        muted = kind == "alert" and self.alerts.is_muted(rule, at.ts)
        return self.writer.say(
            kind,
            release,
            ts=at.ts,
            policy=at.policy.hash,
            version=version,
            rule=rule,
            severity=severity,
            silenced=muted,
            **{
                "lifts": kind == "promote",
                "barred": self.barred,
                "weights": self.weights(at.policy.releases.throttle_share),
                **marked_estimated(fields, at.policy),
            },
        )
