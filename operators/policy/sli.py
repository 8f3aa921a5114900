"""What SLIs of every kind have."""

from collections.abc import Sequence

import msgspec


class Sli(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[sli.NAME]`: what every kind has; the error types in `ignore` count neither way.

    The kinds, each with its own keys, are in `operators/ingest/slis`; `good` names one. With `slices` the SLI counts
    events and feedback of these alone, such as `region=eu`; `places` are the slices by the numbers of their dimensions.
    """

    good: str
    name: str = ""
    ignore: tuple[str, ...] = ()
    slices: tuple[str, ...] = ()
    places: tuple[tuple[tuple[int, str], ...], ...] = ()

    def identity(self) -> dict[str, object]:
        """Return the SLI's keys in the policy with their values: what tells it from others in saved state."""
        keys = msgspec.structs.asdict(self)
        # An SLI on all slices keeps the identity that it had before SLIs could have slices.
        return {key: value for key, value in keys.items() if value or key not in ("slices", "places")}

    @property
    def on_feedback(self) -> bool:
        """Whether the SLI is about feedback, not events."""
        return False

    @property
    def on_labels(self) -> bool:
        """Whether the SLI counts labels, which come one by one, each at an age of its own."""
        return self.on_feedback and self.within_ms is None

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the numbers, on events or feedback, that the SLI reads."""
        return ()

    @property
    def counts_errors(self) -> bool:
        """Whether a request is bad because it failed, not because of its answer."""
        return False

    @property
    def scored(self) -> bool:
        """Whether the SLI is about judges' scores, which may be distrusted."""
        return False

    @property
    def estimated_from(self) -> int | None:
        """Return the least number of labels that good and bad are estimated from; None for an SLI that is counted."""
        return None

    @property
    def once(self) -> bool:
        """Whether only the first of several judgements of one criterion of a request counts."""
        return False

    @property
    def within_ms(self) -> int | None:
        """Return how long after a request feedback counts, for an SLI by cohorts of requests; None for all others."""
        return None


class Retired(Sli, frozen=True, kw_only=True):
    """An SLI that a policy once had: its column stays, and nothing is counted in it. `was` named it in saved state."""

    was: dict[str, object] = {}

    def identity(self) -> dict[str, object]:
        return self.was


def by_cohorts(slis: Sequence[Sli]) -> dict[int, Sli]:
    """Return, by number, the SLIs that are counted by when requests were made."""
    return {index: sli for index, sli in enumerate(slis) if sli.within_ms is not None}
