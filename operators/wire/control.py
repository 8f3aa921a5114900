"""The wire types of control events and their parts.

Control events are JSON objects of a topic keyed by model. Each holds all that a reader needs to understand why it was
sent.
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import msgspec

from operators.wire.event_kinds.registry import EVENT_KINDS
from operators.wire.events import Scalar

Word = Literal["OK", "BAD", "INSUFFICIENT", "STALE"]
Severity = Literal["page", "ticket", "info"]
State = Literal["firing", "resolved"]
if TYPE_CHECKING:
    ControlType = str
else:  # An event of an unknown type is refused where events are read.
    ControlType = Literal[tuple(EVENT_KINDS)]

VERSIONS_MAX = 100  # Withdrawn versions of one model that events and gateways list: the newest.
EVENT_BYTES_MAX = 256 << 10  # Of a control event as JSON; brokers take messages of 1 MB unless told otherwise.
# A revision is beyond its event's time [Unix ms] by at most the number of a model's events at one time: far fewer.
REVISIONS_AHEAD_MAX = 1_000_000


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A command that was refused, as far as it could be read: an alert for those who run the model.

    `count` commands of one message were refused for the same reason; this is the first of them.
    """

    source: str
    position: int
    item: int
    reason: str
    detail: str
    model: str = ""
    count: int = 1


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """A warning about an input: too much of it is late, refused or behind, or (`severity` None) no longer is.

    `bad` of `n` were late or behind (items) or refused (messages); a share of `share_max` is allowed. `number` orders
    the notices of a kind and source. `leads`: the source's events are near the broker's clock, so that nothing waits
    for partitions that are behind.
    """

    kind: Literal["late", "refused", "behind"]
    source: str
    number: int
    severity: Severity | None
    bad: int
    n: int
    share_max: float
    what: str
    model: str = ""
    leads: bool = False


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of one version; `ratio` is good / (good + bad), None without either."""

    version: str
    good: int
    bad: int
    ratio: float | None = None

    @classmethod
    def of(cls, version: str, good: int, bad: int) -> "Arm":
        return cls(version=version, good=good, bad=bad, ratio=good / (good + bad) if good + bad else None)


class Maturity(msgspec.Struct, frozen=True, kw_only=True):
    """The age of labels, after their requests, at which both versions were compared: `age_ms`.

    The age was `learned` from the baseline's labels, or is the policy's. While it is not `final`, further labels may
    show that labels come later still: nothing is promoted on them. `undated` labels did not say when their requests
    were made, and counted by their own time.
    """

    age_ms: int
    learned: bool
    final: bool
    undated: int


class ErrorType(msgspec.Struct, frozen=True, kw_only=True):
    """How requests of a version failed in the last minutes: `n` of its own, and its baseline's where it has one."""

    name: str
    n: int
    baseline: int | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a monitor found on a field and slice, from `since` [Unix ms] on, in `words`; some `requests` that show it.

    `excess` is the score as a multiple of its limit.
    """

    monitor: str
    field: str
    slice: str
    since: int
    words: str
    excess: float = 0.0
    requests: tuple[str, ...] = ()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a verdict is what it is. Ratios are of good; times are Unix ms, spans ms.

    `lower`, `upper` bound `value`: the good ratio of a threshold, the bad ratio of a burn rate, the difference of bad
    ratios (candidate less baseline, at the same mix of slices) of a canary, at level `confidence`; `raw` is the
    difference of all events as they came, `odds_ratio` the factor between the odds of a bad event. `detectable` is
    the smallest difference that could have been seen so far, `decides_in` how many further events of the candidate
    would decide at the observed difference. For a canary, `log_e` is the largest of its log E-values so far, and
    `p_value` the probability of ever having so much evidence by chance, in any SLI, measure or slice of the release.
    `maturity` is that of labels. `since` is when the harm began, as far as the counts can tell; some `requests` show
    it. For a canary's `measure`, a value above the baseline's `limit` is a bad event. `historical`: the baseline no
    longer serves, and its counts are those of its last hours; `threshold` is the ratio of bad events that was surely
    passed. `estimated`: the SLI is estimated from scores, and no label confirms it yet.
    """

    sli: str | None = None
    measure: str | None = None
    limit: float | None = None
    good: int | None = None
    bad: int | None = None
    n: int | None = None
    candidate: Arm | None = None
    baseline: Arm | None = None
    value: float | None = None
    raw: float | None = None
    odds_ratio: float | None = None
    odds_lower: float | None = None
    odds_upper: float | None = None
    lower: float | None = None
    upper: float | None = None
    confidence: float | None = None
    threshold: float | None = None
    window_ms: int | None = None
    short_window_ms: int | None = None
    short_value: float | None = None
    log_e: float | None = None
    p_value: float | None = None
    detectable: float | None = None
    decides_in: float | None = None
    since: int | None = None
    watermark: int | None = None
    maturity: Maturity | None = None
    historical: bool | None = None
    estimated: bool | None = None
    reason: str | None = None
    requests: tuple[str, ...] = ()


class Affected(msgspec.Struct, frozen=True, kw_only=True):
    """A slice that a control event is about, with the evidence of its verdict."""

    slice: str
    verdict: Word
    evidence: Evidence


class ControlEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What rollguard says. `slices` are worst first; `pin` is the version that traffic must go to, None if any may.

    `barred` are all versions of the model that must get no traffic because they were withdrawn, whatever is pinned.
    `lifts` says that from this event on `version` may serve again, and that a pin which the event does not name has
    ended; an event that does not lift changes neither. None: sent by an older worker, where readers go by type and
    rule. `weights` are the shares of the traffic that versions must get (`operators/wire/weights.py`): {"v2": 1.0} is
    all of it, {"v2": 0.05} at most 5 %. With weights, `pin` gets only what others must not have; without, all of it.

    `incident` is one id for all events about a version under release, or about a rule that fires on another version,
    until an event that `closes` the incident. An `update` adds to an incident that people know of already, at no higher
    severity: it is to be read, and to wake nobody.

    `sentence` says all of it in words. `error_types` say how the version's requests failed lately, the most frequent
    first; `requests` are ids of a few bad ones; `findings` are what monitors found since the release on the candidate
    alone, the earliest first; `moved` is what else has changed, or could not be compared. `diff` has by name what
    differs between baseline and candidate, by the command that released the candidate, else by their requests.

    `revision` grows with each event of a model and is at least its time: a reader that has seen a larger one must not
    act on a smaller one. `slices_more` and `diff_more` count what was left out, as the whole has at most
    `EVENT_BYTES_MAX`. `onset` is when the harm began, as far as the counts can tell; `detected` when it was seen,
    `applied` when the traffic had moved, `recovered` when the pinned version was well: each is filled once it is
    known. Unix ms. `key` is the id of the key that `signature` was made with (`operators/wire/sealing.py`).
    """

    id: str
    revision: int
    type: ControlType
    ts: int
    model: str
    version: str
    rule: str
    severity: Severity
    policy: str
    state: State = "firing"
    pin: str | None = None
    barred: tuple[str, ...] = ()
    lifts: bool | None = None
    weights: Mapping[str, float] = {}
    reason: str = ""
    slices: tuple[Affected, ...] = ()
    evidence: Evidence = msgspec.field(default_factory=Evidence)
    diff: Mapping[str, tuple[Scalar | None, Scalar | None]] = {}
    runbook: str = ""
    silenced: bool = False
    acked: bool = False
    onset: int | None = None
    detected: int | None = None
    applied: int | None = None
    recovered: int | None = None
    slices_more: int = 0
    diff_more: int = 0
    incident: str = ""
    update: bool = False
    closes: bool = False
    sentence: str = ""
    error_types: tuple[ErrorType, ...] = ()
    requests: tuple[str, ...] = ()
    findings: tuple[Found, ...] = ()
    moved: tuple[str, ...] = ()
    key: str = ""
    signature: str = ""

    def __post_init__(self) -> None:
        # msgspec leaves out a default by identity, not equality; an event from another process holds a copy, and would
        # be other bytes under the same id.
        msgspec.structs.force_setattr(self, "state", sys.intern(self.state))
