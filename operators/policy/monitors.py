"""What all monitors of a policy have in common: which fields of which models are watched for drift, in which slices."""

import math
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from operators.policy.fields import As, Slices, Written
from operators.policy.reading import Duration, Name, span
from operators.profiles.profile import EMBEDDING, RESIDUAL, Centroids, Field
from operators.spans import HOUR_MS
from operators.wire.evaluator_models import is_evaluator_model
from operators.wire.events import Id

Axis = Literal["input", "output", "quality"]
DriftKind = Literal["covariate", "prediction", "label", "concept", "judge", "operational"]
# What a monitor compares with: the frozen profile, the same window a week before, or the release's baseline.
Reference = Literal["profile", "last_week", "baseline"]
# How `rollguard check` calls a reference.
AGAINST = {"profile": "the profile", "last_week": "the same window a week before", "baseline": "the baseline"}
Why = Literal["missing", "unseen", "range"]

NOT_KEPT = "(not kept)"  # Stands for an offending text where nothing may tell it from others.
CALIBRATION = "feedback.calibration"  # Stands for labels, counted by the answer's confidence and whether it was right.
INPUTS = ("input_tokens", EMBEDDING, RESIDUAL)
FEATURES = "features."
OUTCOMES = ("feedback.label", "feedback.kpi")
SAYS = ("prediction", "score", "output_tokens")


class WatchedColumn(NamedTuple):
    """What tells a watched field from others in counts: its name and model, its profile, its number of bins."""

    name: str
    model: str | None
    profile: str
    bins: int


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A field whose values are counted at ingest, in bins `offset` .. `offset + bins - 1` of all watched fields' bins.

    Without `field` it has no bins. For a number, sums of z = (x - centre) / scale are kept. It is counted for `model`
    alone, None: for all. `profile` names the content that `field` comes from. `contract`: some of the values that are
    missing, unseen or outside `low` .. `high` are kept with their request ids. `centroids` bin embeddings.
    """

    name: str
    model: str | None = None
    profile: str = ""
    field: Field | None = None
    offset: int = 0
    centre: float = 0.0
    scale: float = 1.0
    contract: bool = False
    low: float = -math.inf
    high: float = math.inf
    centroids: Centroids | None = None

    @property
    def bins(self) -> int:
        return 0 if self.field is None else self.field.bins

    @property
    def column(self) -> WatchedColumn:
        return WatchedColumn(self.name, self.model, self.profile, self.bins)

    @property
    def is_number(self) -> bool:
        return self.field is None or self.field.kind == "number"

    @property
    def on_feedback(self) -> bool:
        return self.name.startswith("feedback.")


class Offender(NamedTuple):
    """A value against a contract: index into `policy.watched`, `why`, Unix ms, request, the value or its pseudonym."""

    watched: int
    why: Why
    time: int
    request_id: str
    value: str


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """The share of requests whose watched fields are read; by model where it is not `share`."""

    share: float = 1.0
    by_model: dict[str, float] = {}

    def of(self, model: str) -> float:
        return self.by_model.get(model, self.share)

    @property
    def reads_all(self) -> bool:
        return self.share >= 1 and all(share >= 1 for share in self.by_model.values())


def _window(written: Written) -> int:
    return int(written.place.window(written.value, getattr(written.table, "reference", "profile")))


OnWire = str | Annotated[list[str], Meta(min_length=1)]
# Fields that the profile must have, fields with a mean, and series with a value for each pane; "*": all of the profile.
OnFields = Annotated[tuple[str, ...], As(OnWire, lambda each: each.place.fields(each.value), lambda on: on[0])]
OnNumbers = Annotated[tuple[str, ...], As(OnWire, lambda each: each.place.numbers(each.value), lambda on: on[0])]
OnSeries = Annotated[tuple[str, ...], As(OnWire, lambda each: each.place.all_series(each.value), lambda on: on[0])]


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has: it watches each field of `on`, in each slice of its `grains`, for each version of `model`.

    `model` None: every model. `profile` names the content that it compares with, or "". The kinds are in
    `operators/drift`, a file each.
    """

    name: Name
    kind: str
    on: tuple[str, ...]
    model: Id | None = None
    profile: Annotated[str, As(str | None, lambda each: each.place.profile_name)] = ""
    grains: Slices = ((),)

    @property
    def watches(self) -> tuple[str, ...]:
        """Return those of its fields whose values are counted for it, beside SLIs and measures."""
        return ()

    def watching(self, watched: Watched) -> Watched:
        """Return how a field is counted so that it serves this monitor too."""
        return watched


class WindowMonitor(Monitor, frozen=True, kw_only=True):
    """A monitor on tumbling windows: it judges each window when it ends."""

    window_ms: Annotated[int, As(Duration, _window, lambda ms: Duration(span(ms)))] = HOUR_MS

    @property
    def watches(self) -> tuple[str, ...]:
        return self.on

    @property
    def weekly(self) -> bool:
        """Whether the monitor compares with the same window a week before."""
        return False


class SeriesMonitor(Monitor, frozen=True, kw_only=True):
    """A detector on the pane values of series: `on` names SLIs (the bad ratio), measures or features (the mean).

    It learns the scale of a series from its first values. The profile gives the unit in which features are summed.
    """

    on: OnSeries

    @property
    def watches(self) -> tuple[str, ...]:
        """Return those of its fields that are counted for it."""
        return tuple(name for name in self.on if name.startswith(FEATURES))


def axis_of(field: str, *, on_feedback: bool = False) -> Axis:
    """Return which side of the model a field describes; `on_feedback`: the field is an SLI on feedback.

    >>> [axis_of(name) for name in ("features.amount", "score", "sli.availability", "feedback.judge")]
    ['input', 'output', 'output', 'quality']
    """
    if field.startswith("features.") or field in INPUTS:
        return "input"
    return "quality" if on_feedback or field.startswith("feedback.") else "output"


def kind_of(field: str, model: str = "", *, on_feedback: bool = False) -> DriftKind:
    """Return which kind of drift a change of a model's field is (`operators/drift/found.py` has them in words).

    Drift of inputs (covariate), of the model's answers (prediction), of the truth (label), of how often the model is
    right (concept: P(Y | X), errors given inputs), or of latency, cost and errors (operational). Any change of a judge
    is drift of the judge: it says nothing about the models that it judges.

    >>> [kind_of(name) for name in ("embedding", "prediction", "feedback.label", "feedback.judge", "latency_ms")]
    ['covariate', 'prediction', 'label', 'concept', 'operational']
    >>> kind_of("sli.correct", "judge:helpful", on_feedback=True)
    'judge'
    """
    if is_evaluator_model(model):
        return "judge"
    if field in OUTCOMES:
        return "label"
    if on_feedback or field.startswith("feedback."):
        return "concept"
    if axis_of(field) == "input":
        return "covariate"
    return "prediction" if field in SAYS or field.startswith("flags.") else "operational"
