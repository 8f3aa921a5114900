"""The policy: everything that changes results, as typed values. `policy_file.toml.parse` makes and checks one."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from operators.policy.claims import NOBODY, Claims
from operators.policy.errors import PolicyError
from operators.policy.evaluators import AnswerEvaluator, Evaluate
from operators.policy.fields import As, Rounded, Written
from operators.policy.monitors import Monitor, Sampling, Watched, WatchedColumn
from operators.policy.otel import Otel
from operators.policy.reading import UNITS_MS, Duration, FallbackName, Positive, Share, span
from operators.policy.rules import Rule
from operators.policy.triage import Triage
from operators.policy.worker import SHARDS, Worker

EVENT_FIELDS = ("latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd", "score")
FEEDBACK_FIELDS = tuple(f"feedback.{kind}" for kind in ("label", "judge", "thumbs", "edit", "safety", "kpi"))

Keep = Literal["structure", "full"]
Values = Literal["hashed", "full"]
Texts = Literal["none", "redacted", "full"]
Ids = Literal["hashed", "full"]

DEDUP_MS_MAX = UNITS_MS["d"]
WAIT_MS_MAX = UNITS_MS["h"]
IDS_MAX = 10_000_000  # Remembered of one partition: 1.6 GB.
REPEATED = "repeated"  # The column that says which criterion of a request was judged before; no field is named so.
RUNBOOKS = "infra/runbooks"  # Where the pages are, unless the policy says otherwise.


class DeadLetters(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[dead_letters]`: people are told of more than `share_max` of `block` messages with something refused in them.

    `on_refused` = "stop" stops for it instead.
    `keep` says what is kept of what was refused: its structure alone, or the original bytes, up to `value_bytes_max`.
    """

    share_max: Share = 0.2
    on_refused: Literal["quarantine", "stop"] = "quarantine"
    block: Positive = 1_000
    keep: Keep = "structure"
    value_bytes_max: Positive = 65_536
    message_bytes_max: Positive = 1_048_576


class Privacy(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[privacy]`: texts that offend against a contract are kept by a pseudonym, or as they came."""

    values: Values = "hashed"


class Archive(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[archive]`: what the request log keeps of `texts` (input, output, prediction) and of user and session `ids`.

    Of a text no more than `text_chars_max` characters are kept.
    """

    texts: Texts = "redacted"
    ids: Ids = "hashed"
    text_chars_max: Positive = 32_768


def _horizon(written: Written) -> int:
    time: Duration = written.value
    if time.ms > DEDUP_MS_MAX:
        raise PolicyError("dedup.horizon", time.text, "must be at most 24h; 0s for none")
    return time.ms


def _wait(written: Written) -> int:
    time: Duration = written.value
    if time.ms > WAIT_MS_MAX:
        raise PolicyError("enrich.wait", time.text, "must be at most 1h: all feedback of a partition may wait")
    return time.ms


class Enrich(msgspec.Struct, frozen=True, kw_only=True):
    """`[enrich]`: feedback without context waits for its request for at most `wait_ms` after it was received."""

    wait_ms: Annotated[int, As(Duration, _wait, lambda ms: Duration(span(ms)))] = 60_000


class Dedup(msgspec.Struct, frozen=True, kw_only=True):
    """`[dedup]`: an item whose id came within `horizon_ms` and the last `ids_max` items of its partition is dropped."""

    horizon_ms: Annotated[int, As(Duration, _horizon, lambda ms: Duration(span(ms)))] = 600_000
    ids_max: Annotated[int, Meta(ge=1, le=IDS_MAX)] = 100_000


class Sli(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[sli.NAME]`: what every kind has; the error types in `ignore` count neither way.

    The kinds, each with its own keys, are in `operators/ingest/slis`; `good` names one. With `slices` it is about
    events and feedback of these alone, such as `region=eu`; `places` are those by the numbers of their dimensions.
    """

    good: str
    name: str = ""
    ignore: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    places: tuple[tuple[tuple[int, str], ...], ...] = ()

    def identity(self) -> dict[str, object]:
        """Return its keys in the policy with their values: what tells it from others in saved state."""
        keys = msgspec.structs.asdict(self)
        # An SLI that is about all slices is the same as before there were others.
        return {key: value for key, value in keys.items() if value or key not in ("slices", "places")}

    @property
    def on_feedback(self) -> bool:
        """Whether it is about feedback, not about events."""
        return False

    @property
    def on_labels(self) -> bool:
        """Whether what is good and bad are labels, which come one by one, each at an age of its own."""
        return self.on_feedback and self.within_ms is None

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the numbers, on events or feedback, that it looks at."""
        return ()

    @property
    def counts_errors(self) -> bool:
        """Whether what is bad is that requests failed, and not what they answered."""
        return False

    @property
    def scored(self) -> bool:
        """Whether it is about what judges say, who may be not believed."""
        return False

    @property
    def estimated_from(self) -> int | None:
        """Return how many labels its good and bad are estimated from, at least; None of all that are counted."""
        return None

    @property
    def once(self) -> bool:
        """Whether of several judgements of one criterion of a request the first alone counts."""
        return False

    @property
    def within_ms(self) -> int | None:
        """Return how long after a request feedback counts, of an SLI by cohorts of requests; None of all others."""
        return None


class Retired(Sli, frozen=True, kw_only=True):
    """An SLI that a policy had once: its column stays, and nothing is counted in it. `was` named it in saved state."""

    was: dict[str, object] = {}

    def identity(self) -> dict[str, object]:
        return self.was


def by_cohorts(slis: Sequence[Sli]) -> dict[int, Sli]:
    """Return, by number, the SLIs that are counted by when requests were made."""
    return {index: sli for index, sli in enumerate(slis) if sli.within_ms is not None}


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A union of panes: [k * every - size, k * every) for every whole k; tumbling when size == every."""

    size_ms: int
    every_ms: int

    @property
    def kind(self) -> str:
        return "tumbling" if self.size_ms == self.every_ms else "sliding"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a window are stored: of these grains, where the end of the window is a multiple of `every_ms`."""

    grains: tuple[tuple[int, ...], ...]
    every_ms: int


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """A number on an event (or `feedback.KIND`), summed in whole units of 10 ** -digits; `retired`: no longer."""

    name: str
    digits: int
    retired: bool = False

    @property
    def on_feedback(self) -> bool:
        return self.name.startswith("feedback.")


class Releases(msgspec.Struct, frozen=True, kw_only=True):
    """`[release]`: how releases are found, and what is expected after a rollback.

    Versions first seen within `settle_ms` of a model's first event are old ones; later ones are candidates. A rollback
    is applied once the candidate's share of requests is surely at most `applied_share` (and half of what it was); from
    `drain_ms` after it on, people hear of a candidate that surely has more. The pinned version must be well within
    `deadline_ms` of the rollback. For `cooldown_ms` after a rollback no other that moves the pin is decided.
    A version is known while it was last seen within `known_ms`. A verdict of which more than `producer_share_max` rests
    on bad events of one of several values of the slice dimension `producer` is held and paged for instead of acted on.
    The first `warm_up_ms` of a version's requests are left out when it is compared. A version that is throttled gets
    `throttle_share` of the requests at most. `fallback` has by model, or pattern as of file names, what rules say by
    theirs: "hold", "kill", or the name of what traffic goes to. What versions named in `mirrored` answer, patterns
    as of file names, are copies of requests, as if each event said so.
    """

    settle_ms: Annotated[int, Rounded(none=True)] = 300_000
    applied_share: Annotated[float, Meta(ge=0, lt=1)] = 0.01
    drain_ms: Annotated[int, Rounded(none=True)] = 60_000
    fallback: dict[str, FallbackName] = {}
    mirrored: tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...] = ()
    deadline_ms: Annotated[int, Rounded()] = 900_000
    cooldown_ms: Annotated[int, Rounded(none=True)] = 300_000
    known_ms: Annotated[int, Rounded()] = 604_800_000
    producer: str | None = None
    producer_share_max: Annotated[float, Meta(gt=0, lt=1)] | None = None
    warm_up_ms: Annotated[int, Rounded(none=True)] = 60_000
    throttle_share: Annotated[float, Meta(gt=0, lt=1)] = 0.05


DEFAULT_KEY = "default"  # The id of the key in ROLLGUARD_COMMAND_KEY, which has all rights.
# What a key may allow: a type of command each, and to silence all models at once.
RIGHTS = ("release", "override", "kill", "rollback", "pin", "unpin", "ack", "silence", "unsilence", "silence-all")


class CommandKey(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[[commands.key]]`: whose it is, and on which models (patterns as of file names) it may say what.

    Its secret is in the variable `env` or in a `file`. Commands given when it was `retired` or later are refused. With
    `relays` it belongs to a program that people use, such as the page: what it signs is said by whom the command names.
    """

    id: str
    name: str
    models: tuple[str, ...] = ("*",)
    types: tuple[str, ...] = RIGHTS
    env: str | None = None
    file: str | None = None
    retired: Annotated[datetime, Meta(tz=True)] | None = None
    relays: bool = False


class Commands(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[commands]`: whether commands must be `signed`; by these keys, or that in the environment."""

    signed: bool = False
    key: tuple[CommandKey, ...] = ()


class CountColumns(NamedTuple):
    """What some counts have columns for: so many SLIs and measures, these slice dimensions, these watched fields.

    Closed panes are held in the ring of this number, and are `pane_ms` long; 0: as those of the policy.
    """

    slis: int
    measures: int
    dimensions: tuple[str, ...]
    watched: tuple[WatchedColumn, ...]
    ring: int = 0
    pane_ms: int = 0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A checked policy. `grains` are the reported slices as indices into `dimensions`; () is `*`.

    `reports` say by window which of its rows are stored; of a window without, all are. `stored_ms` is the length of the
    panes that are stored, a multiple of `pane_ms`; None where they are stored as they close.

    `idle_ms` is by stream. `outliers` is how many events ahead of all others leave a partition's time where it is.
    `behind_ms` is how far a partition may be behind the broker's clock before it is not waited for any more.
    `hash` names the whole policy, `shape` the parts of it that say which counts are kept; `text` is its TOML.
    `waiting` are the names of monitors that have no profile yet.
    `runbook_base` is where the pages are that control events link to.
    `timezone` is that of the hours by which detectors on series learn a season.
    `watched` are the fields whose distribution some of the `monitors` need, in the order of their offsets.
    `models` are the models that it is for, patterns as of file names, none: all; `left_out` says in words what its file
    does not say, and is as in the default policy.
    With `teams` it is that of several files (`policy_file/teams.py`): what is the worker's is here, and all else in the
    policy of each `team`, to which `claims` give the models. What is kept of a team is kept by its name, which may be
    another one than that of its `file`, and in the slots of closed panes that begin with `slot_prefix`.
    `rest` names what says which counts are kept beside SLIs and measures, `frame` what does beside these, the slice
    dimensions and the windows. `earlier` has the shapes under which state was saved that goes on under this policy,
    each with its columns (`layout.py`), `rings` is how many closed panes were held at first, and from each time on from
    which there were more, as windows became longer.
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
        """Over how many shards models are spread."""
        return self.worker.shards or SHARDS

    @property
    def spread(self) -> int:
        """Over how many of the shards its own models are spread: fewer where several files share a worker."""
        return (self.worker.spread if self.team else None) or self.shards

    @property
    def each(self) -> tuple["Policy", ...]:
        """The policies that models have: those of the teams, or this one."""
        return self.teams or (self,)

    @property
    def estimated(self) -> frozenset[str]:
        """The names of the SLIs whose good and bad nobody has seen: they are estimated from scores."""
        return frozenset(sli.name for sli in self.slis if sli.estimated_from)

    @property
    def columns(self) -> CountColumns:
        """What its counts have columns for."""
        watched = tuple(each.column for each in self.watched)
        ring = max(len(self.rings) - 1, 0)
        return CountColumns(len(self.slis), len(self.measures), self.dimensions, watched, ring, self.pane_ms)

    @property
    def slots(self) -> int:
        """How many slots hold every closed pane that some window still needs: the longest size and hop."""
        longest = max((window.size_ms + window.every_ms for window in self.windows), default=0)
        return max(longest // self.pane_ms, *self.rings, 0)

    @property
    def bins(self) -> int:
        """How many bins all watched fields have together."""
        return sum(watched.bins for watched in self.watched)

    def watched_by(self, monitor: Monitor) -> list[int]:
        """Return the index into `watched` of each field that a monitor is on; none for ADWIN and Page-Hinkley."""
        whose = (monitor.model, monitor.profile)
        known = {each.name: index for index, each in enumerate(self.watched) if (each.model, each.profile) == whose}
        return [known[name] for name in monitor.on if name in known]


FIELDS_ALLOWED = "must be one of " + ", ".join((*EVENT_FIELDS, "metrics.NAME", *FEEDBACK_FIELDS, "feedback.KIND.NAME"))


def is_field(name: str) -> bool:
    """Tell whether `name` is a number that an event or feedback may carry."""
    kinds = "|".join(map(re.escape, FEEDBACK_FIELDS))
    named = re.fullmatch(rf"(metrics|{kinds})\.[A-Za-z_][A-Za-z0-9_.-]{{0,63}}", name)
    return name in EVENT_FIELDS or name in FEEDBACK_FIELDS or named is not None
