"""The results of monitors: a score of one field of one series over one window or at one pane, and its word."""

import math
from collections.abc import Sequence

import msgspec

from operators.arrays import Floats, Ints
from operators.policy.monitors import Axis, DriftKind, Offender, Watched
from operators.window.series_index import SliceSeries
from operators.wire.control import Word

SHARES = ("absent", "missing", "type", "category")  # Methods whose score is a share of rows.
SHARE_MIN = 0.05


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """`score` of `method` on `field`, from `start` to `end` [Unix ms]: BAD past `threshold`, with p-value `p`.

    `reference` is what it was compared with; `n_reference` and `n_current` count values (for detectors: panes).
    `profile` names the content that holds the bins. `requests` are the first offending ones, `detail` says how.
    """

    monitor: str
    series: SliceSeries
    field: str
    start: int
    end: int
    axis: Axis
    kind: DriftKind
    method: str
    word: Word
    score: float | None = None
    threshold: float | None = None
    p: float | None = None
    kl: float | None = None
    jensen_shannon: float | None = None
    expected: float | None = None
    reference: str = ""
    n_reference: int = 0
    n_current: int = 0
    profile: str = ""
    detail: str = ""
    requests: tuple[str, ...] = ()

    @property
    def excess(self) -> float:
        """The score as a multiple of the threshold, to find the worst of several.

        A factor counts alike in both directions; a share is compared with at least SHARE_MIN, as none may be allowed.
        """
        if self.score is None or self.threshold is None or self.score != self.score:
            return 0.0
        if self.method == "estimated":  # Lower is worse.
            return self.threshold / self.score if self.score > 0 else math.inf
        if self.method == "scale":
            return max(self.score, 1.0 / self.score) if self.score > 0 else 0.0
        threshold = max(self.threshold, SHARE_MIN) if self.method in SHARES else self.threshold
        return abs(self.score / threshold) if threshold else 0.0


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """The word of one monitor on a series, for the rules that listen: `fields` are BAD, the worst first.

    `worst` is the most telling finding, `found` has those of each of the fields, in their order.
    """

    monitor: str
    series: SliceSeries
    word: Word
    fields: tuple[str, ...] = ()
    worst: Drift
    found: tuple[Drift, ...] = ()


class FieldCounts(msgspec.Struct, frozen=True, kw_only=True):
    """One watched field over a window that ended: `names` (K) series, `counts` (K, B) of its bins.

    `n` (K,), `mean`, `sd`, `low`, `high` are of its numbers, NaN without any. `designs` (K,): how many events are worth
    one independent event.
    """

    watched: Watched
    start: int
    end: int
    names: Sequence[SliceSeries]
    counts: Ints
    n: Ints
    mean: Floats
    sd: Floats
    low: Floats
    high: Floats
    designs: Floats


class SeriesWindow(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor's results for one series over one window: `found`, at least one, and which of them are `unchanged`.

    An unchanged result has no row of its own: the last stored row of its field says the same.
    """

    found: tuple[Drift, ...]
    unchanged: tuple[Drift, ...] = ()


class Monitored(msgspec.Struct, frozen=True, kw_only=True):
    """The results of a pane: `drifts` and `windows` become rows, `heard` is for rules; `profiles` are newly used.

    `series` are windows by monitor and series, for monitors with a result for each window.
    """

    drifts: Sequence[Drift] = ()
    series: Sequence[SeriesWindow] = ()
    heard: Sequence[Heard] = ()
    windows: Sequence[FieldCounts] = ()
    profiles: Sequence[Watched] = ()

    @property
    def empty(self) -> bool:
        return not (self.drifts or self.series or self.heard or self.windows or self.profiles)


NOTHING = Monitored()
Offenders = dict[tuple[int, str], list[Offender]]  # By index into `policy.watched`, and reason.
