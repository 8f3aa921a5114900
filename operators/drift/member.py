"""Which series and fields a monitor watches."""

from collections.abc import Iterator

from operators.policy.monitors import Monitor, Watched
from operators.policy.policy import Policy
from operators.window.series_index import ALL_VERSIONS, SliceSeries


def grains_of(monitor: Monitor, policy: Policy) -> set[frozenset[str]]:
    return {frozenset(policy.dimensions[index] for index in grain) for grain in monitor.grains}


def watches(monitor: Monitor, grains: set[frozenset[str]], name: SliceSeries) -> bool:
    """Tell whether a monitor, whose slices have the dimensions `grains`, watches a series."""
    ours = monitor.model is None or monitor.model == name.model
    return ours and name.version != ALL_VERSIONS and frozenset(name.dims) in grains


def watched_of(monitor: Monitor, policy: Policy) -> Iterator[tuple[int, Watched]]:
    """Return the fields that a monitor watches, with their index into `policy.watched`."""
    for name in monitor.on:
        for index, watched in enumerate(policy.watched):
            if (watched.name, watched.model, watched.profile) == (name, monitor.model, monitor.profile):
                yield index, watched
