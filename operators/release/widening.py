"""What a model remembers by SLI, under a policy that has more of them than when it was saved: nothing came of these."""

from operators.release.model import Model


def widen(model: Model, slis: int) -> None:
    """Make room for as many SLIs in all that is kept by their numbers."""
    for served in model.served.values():
        for counts in (*served.buckets.values(), *served.hours.values()):  # Requests, then good and bad of each SLI.
            counts.extend([0] * (1 + 2 * slis - len(counts)))
    for release in model.releases.values():
        for by_name in release.actionable.producers.values() if release.is_actionable else ():
            for name, counts in by_name.items():  # Events of each SLI, then bad ones.
                had = len(counts) // 2
                none = [0] * (slis - had)
                by_name[name] = [*counts[:had], *none, *counts[had:], *none]
