"""The monitors of a policy, typed: which fields are watched for drift, against what, and how sure it must be.

Limits that are not given are those of the detectors in `operators/drift`; a test holds both together.
"""

import math
from typing import Literal, NamedTuple

import msgspec

from operators.policy.rules import Grain
from operators.profiles.profile import EMBEDDING, Centroids, Field

Axis = Literal["input", "output", "quality"]
DriftKind = Literal["covariate", "label", "concept"]
# Against the frozen profile, the same window a week before, or the baseline of the release under way.
Reference = Literal["profile", "last_week", "baseline"]
Why = Literal["missing", "unseen", "range"]

NOT_KEPT = "(not kept)"  # Stands for a text that offends where nothing may tell it from others.
INPUTS = ("input_tokens", EMBEDDING)
HOUR_MS = 3_600_000


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A field whose values are counted at ingest, in bins `offset` .. `offset + bins - 1` of a layout of all.

    Without `field` it has no bins. Of a number sums of z = (x - centre) / scale are kept. `model` is the only one it
    is counted for, None: all. `profile` names the content that it comes from. `contract`: some of the values that are
    missing, unseen or outside of `low` .. `high` are kept with their request ids. `centroids` bin embeddings.
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
    """The share of requests whose watched fields are read, by model where it is not the one for all."""

    share: float = 1.0
    by_model: dict[str, float] = {}

    def of(self, model: str) -> float:
        return self.by_model.get(model, self.share)

    @property
    def reads_all(self) -> bool:
        return self.share >= 1 and all(share >= 1 for share in self.by_model.values())


class Monitor(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has: it watches each field of `on`, on each slice of its `grains`, of each version of `model`.

    `model` None: of every model. What is watched over windows is judged when one ends: they tumble.
    """

    name: str
    kind: str
    on: tuple[str, ...]
    model: str | None = None
    profile: str = ""
    grains: tuple[Grain, ...] = ((),)


class Psi(Monitor, frozen=True, kw_only=True):
    """PSI, KL and Jensen-Shannon of the distribution of a field; `kind` is psi, or embedding for its clusters.

    `profile` names the content that holds bins and, with `reference` profile, the counts. `alpha` is the chance of a
    false alarm of a window and model, over all fields and slices of this monitor.
    """

    window_ms: int = HOUR_MS
    reference: Reference = "profile"
    alpha: float = 0.001
    psi_min: float = 0.2


class Adwin(Monitor, frozen=True, kw_only=True):
    """ADWIN on the pane values of a series: `on` are `sli.NAME` (the bad ratio) or measures (the mean)."""

    delta: float = 0.002 / 32
    learned_from: int = 60


class PageHinkley(Monitor, frozen=True, kw_only=True):
    """Page-Hinkley on the pane values of a series, `on` as with ADWIN."""

    allowance: float = 0.5
    threshold: float = 15.0
    samples_min: int = 30
    learned_from: int = 60


class Sigma(Monitor, frozen=True, kw_only=True):
    """The mean of a field over a window is more than `sigmas` standard errors below that of the reference."""

    window_ms: int = HOUR_MS
    reference: Reference = "baseline"
    sigmas: float = 3.0


class Contract(Monitor, frozen=True, kw_only=True):
    """The contract that `profile` implies; limits by hand are exact, and stand where `on` is one field."""

    window_ms: int = HOUR_MS
    sigmas: float = 5.0
    low: float | None = None
    high: float | None = None
    categories: tuple[str, ...] | None = None
    missing_share_max: float | None = None


AnyMonitor = Psi | Adwin | PageHinkley | Sigma | Contract


def axis_of(field: str, *, on_feedback: bool = False) -> Axis:
    """Return which side of the model a field tells of; `on_feedback`: an SLI on feedback.

    >>> [axis_of(name) for name in ("features.amount", "score", "sli.availability", "feedback.judge")]
    ['input', 'output', 'output', 'quality']
    """
    if field.startswith("features.") or field in INPUTS:
        return "input"
    return "quality" if on_feedback or field.startswith("feedback.") else "output"


def kind_of(field: str, *, on_feedback: bool = False) -> DriftKind:
    """Return which drift a change of a field is: of inputs, of the rates of outcomes, of errors given inputs.

    >>> [kind_of(name) for name in ("embedding", "prediction", "feedback.label", "feedback.judge")]
    ['covariate', 'label', 'label', 'concept']
    """
    kinds: dict[Axis, DriftKind] = {"input": "covariate", "output": "label", "quality": "concept"}
    # True labels are outcomes; how they compare with predictions is quality.
    return "label" if field == "feedback.label" else kinds[axis_of(field, on_feedback=on_feedback)]
