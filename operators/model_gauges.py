"""Where models stand, as gauges for Prometheus: as of the last pane that each shard of this process has closed.

They are bounded by the policy's `models_max` and `versions_max`, and are of all traffic alone: slices are in the store.
A release, a pin or an alert that has ended is gone with the next scrape, and leaves no series.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import msgspec
import numpy as np
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy.windows import Window
from operators.release.model import Model
from operators.store.rows import Rows
from operators.window.partial import BAD, GOOD
from operators.window.picked import pick
from operators.window.series_index import SliceSeries
from operators.window.sliding import WindowCounts

WHOLE = "*"  # The slice that is all traffic.
WINDOW_MS = 300_000  # Ratios are of the sliding window that is nearest to this size.
HELD = "held"  # The phase of a release that is rolled out and may not be promoted.


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """`labels` are in the order in which samples give their values."""

    meaning: str
    labels: tuple[str, ...]


GAUGES: Mapping[str, Gauge] = {
    "build_info": Gauge(meaning="1; what runs, and the hash of its policy.", labels=("version", "policy")),
    "release_info": Gauge(
        meaning="1; where a release stands: a phase of table release, or held.",
        labels=("model", "candidate", "baseline", "phase"),
    ),
    "pinned": Gauge(meaning="1; the version that traffic of a model must go to.", labels=("model", "version")),
    "log_e": Gauge(
        meaning="ln E, the largest so far, of: the candidate is worse than tolerated; of all traffic.",
        labels=("model", "version", "rule", "sli"),
    ),
    "log_e_needed": Gauge(meaning="ln E that decides.", labels=("model", "version", "rule", "sli")),
    "sli_ratio": Gauge(
        meaning="Good of good and bad events of all traffic, in the sliding window nearest to five minutes.",
        labels=("model", "version", "sli"),
    ),
    "alerts_firing": Gauge(meaning="Versions on which a rule's alert fires.", labels=("model", "rule", "severity")),
}
OF_MODELS = ("release_info", "pinned", "alerts_firing")  # Gauges that come from the state of a model.
Values = dict[tuple[str, ...], float]  # By the values of the labels.
Samples = Mapping[str, Values]  # By name of the gauge.


class ShardGauges:
    """The gauges of one shard: `samples` are made when they are asked for, in any thread.

    So everything kept here is replaced and never changed, except the dicts of models and of evidence, which are copied
    before they are read. Ratios and evidence, which come in only when they change, are not saved.
    """

    def __init__(self, policy: Policy) -> None:
        self._window = _nearest(policy.windows)
        self._slis = [sli.name for sli in policy.slis]
        self._ended: tuple[Sequence[SliceSeries], Ints] = (), np.zeros((0, len(self._slis), 2), np.int64)
        self._evidence: dict[tuple[str, ...], tuple[float, float]] = {}
        self._models: dict[str, Samples] = {}

    @property
    def samples(self) -> Samples:
        """By name of the gauge."""
        evidence = self._evidence.copy()
        samples = {
            "log_e": {key: log_e for key, (log_e, _) in evidence.items()},
            "log_e_needed": {key: needed for key, (_, needed) in evidence.items()},
            "sli_ratio": self._ratios(),
            **{name: Values() for name in OF_MODELS},
        }
        for of_model in self._models.copy().values():
            for name, values in of_model.items():
                samples[name] |= values
        return samples

    def take(self, windows: Iterable[WindowCounts], rows: Iterable[Rows]) -> None:
        """Take the windows that ended with a pane, and the rows of its results."""
        for counts in windows:
            if counts.window == self._window:
                self._ended = _of_all_traffic(counts)
        for some in rows:
            if some.table == "evidence":
                self._evidence |= _whole(some)

    def tell(self, models: Mapping[str, Model], moved: Collection[str]) -> None:
        """Take the state of the models that may have `moved`; forget evidence of releases that are gone."""
        for name in moved:
            where = _where(name, models[name]) if name in models else {}
            if where:
                self._models[name] = where
            else:
                self._models.pop(name, None)
        if moved and self._evidence:
            here = {(name, candidate) for name, model in models.items() for candidate in model.releases}
            self._evidence = {key: each for key, each in self._evidence.items() if key[:2] in here}

    def _ratios(self) -> Values:
        names, units = self._ended
        return {
            (series.model, series.version, name): good / (good + bad)
            for series, of_slis in zip(names, units.tolist(), strict=True)
            for name, (good, bad) in zip(self._slis, of_slis, strict=True)
            if good + bad
        }


class ModelGauges(Collector):
    """The gauges of all shards of one process, as each shard last reported; scraped from another thread."""

    def __init__(self, policy: Policy) -> None:
        self._built: Samples = {"build_info": {(_release_of_package(), policy.hash): 1.0}}
        self._policy = policy
        self._shards: list[ShardGauges] = []

    def shard(self, policy: Policy | None = None) -> ShardGauges:
        """Return the gauges of one more shard, or of those of its models that have this policy."""
        self._shards.append(ShardGauges(policy or self._policy))
        return self._shards[-1]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield every gauge that has samples, with them."""
        shards = [self._built, *(shard.samples for shard in self._shards)]
        for name, gauge in GAUGES.items():
            family = GaugeMetricFamily(f"rollguard_{name}", gauge.meaning, labels=gauge.labels)
            for samples in shards:
                for labels, value in samples.get(name, {}).items():
                    family.add_metric(labels, value)
            yield family


def _release_of_package() -> str:
    try:
        return version("rollguard")
    except PackageNotFoundError:  # A checkout that was not installed.
        return ""


def _nearest(windows: Sequence[Window]) -> Window | None:
    sliding = [window for window in windows if window.kind == "sliding"]
    return min(sliding, key=lambda window: abs(window.size_ms - WINDOW_MS), default=None)


def _of_all_traffic(counts: WindowCounts) -> tuple[Sequence[SliceSeries], Ints]:
    """Return the series of all traffic in a window, and the good and bad events of each, (K, S, 2)."""
    rows = counts.whole
    if rows is None:
        rows = np.array([at for at, name in enumerate(counts.names) if not name.dims], np.int64)
    return pick(counts.names, rows), counts.slis[rows][:, :, [GOOD, BAD]]


def _where(name: str, model: Model) -> Samples:
    """Return the values of one model by gauge, without gauges for which it has none."""
    info: Values = {
        (name, candidate, each.baseline, HELD if each.phase == "rolling_out" and each.holds else each.phase): 1.0
        for candidate, each in sorted(model.releases.items())
    }
    pinned: Values = {(name, model.writer.pin): 1.0} if model.writer.pin else {}
    firing = Counter((name, rule, each.severity) for (rule, _), each in model.alerts.firing.items())
    alerts: Values = {key: float(count) for key, count in firing.items()}
    every = zip(OF_MODELS, (info, pinned, alerts), strict=True)
    return {gauge: values for gauge, values in every if values}


def _whole(rows: Rows) -> dict[tuple[str, ...], tuple[float, float]]:
    """Return ln E, and the ln E that decides, of the rows of all traffic."""
    names = ("model", "version", "rule", "sli", "measure", "slice", "log_e_peak", "needed_log_e")
    return {
        (model, version, rule, sli or measure): (float(log_e), float(needed))
        for model, version, rule, sli, measure, text, log_e, needed in zip(
            *(rows.columns[name] for name in names), strict=True
        )
        if text == WHOLE
    }
