"""Which versions are compared, and since when."""

import msgspec


class Comparison(msgspec.Struct, frozen=True):
    """A comparison from pane `begins` on: another `since` [pane] makes another comparison, which starts from nothing.

    It is the `attempt`-th of this candidate.
    """

    model: str
    candidate: str
    baseline: str
    since: int
    begins: int
    attempt: int = 1
