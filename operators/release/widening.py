"""Adapts what a model remembers by SLI and slice dimension to a policy with others than when it was saved."""

from collections.abc import Sequence

from operators.release.model import Model
from operators.window.widening import replaced


def reslice(model: Model, places: Sequence[int | None]) -> None:
    """Keep the slices of requests by the present dimensions, each with its earlier place, None where it is new."""
    for release in model.releases.values():
        release.requests = tuple(replaced(sample, places) for sample in release.requests)


def widen(model: Model, slis: int) -> None:
    """Make room for this many `slis` in everything kept by their numbers: new SLIs have had no events."""
    for served in model.served.values():
        for counts in (*served.buckets.values(), *served.hours.values()):  # Requests, then good and bad of each SLI.
            counts.extend([0] * (1 + 2 * slis - len(counts)))
    for release in model.releases.values():
        for by_name in release.actionable.producers.values() if release.is_actionable else ():
            for name, counts in by_name.items():  # Events of each SLI, then bad ones.
                had = len(counts) // 2
                none = [0] * (slis - had)
                by_name[name] = [*counts[:had], *none, *counts[had:], *none]
