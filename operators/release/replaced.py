"""What a canary rule knows about a candidate whose baseline serves no more: blip by blip, for each SLI on events."""

import msgspec

from operators.release.historical import Past
from operators.wire.control import Affected


class Replaced(msgspec.Struct, kw_only=True):
    """The running `blip` has had `total` requests, `baseline` of them the baseline's; `counts` are good and bad by SLI.

    It began in pane `first` at the earliest. `past` is the result of earlier blips for each SLI, and `found` what was
    BAD; `unknown` says why one cannot be compared, and `alerted` that people have been told. SLIs are numbers of the
    policy.
    """

    blip: int
    first: int
    total: int = 0
    baseline: int = 0
    counts: dict[int, tuple[int, int]] = {}
    past: dict[int, Past] = {}
    found: dict[int, Affected] = {}
    unknown: dict[int, str] = {}
    alerted: bool = False

    def add(self, total: int, baseline: int, counts: dict[int, tuple[int, int]]) -> None:
        """Add a pane to the running blip."""
        self.total += total
        self.baseline += baseline
        for sli, (good, bad) in counts.items():
            before = self.counts.get(sli, (0, 0))
            self.counts[sli] = before[0] + good, before[1] + bad

    def begin(self, blip: int) -> None:
        """Begin a blip."""
        self.blip, self.total, self.baseline, self.counts = blip, 0, 0, {}


class FirstServed(msgspec.Struct, kw_only=True):
    """What a canary rule knows about a slice that a version serves only since its promotion, `until` then [Unix ms].

    `usual` are the baseline's earlier good and bad events there, by SLI. The running `blip` began in pane `first`; it
    has `counts` of the version, and `others` of its baseline. `past` and `found` are as in `Replaced`.
    """

    dims: dict[str, str]
    usual: dict[int, tuple[int, int]]
    until: int
    blip: int = 0
    first: int = 0
    counts: dict[int, tuple[int, int]] = {}
    others: dict[int, tuple[int, int]] = {}
    past: dict[int, Past] = {}
    found: dict[int, Affected] = {}

    def add(self, counts: dict[int, tuple[int, int]], others: dict[int, tuple[int, int]]) -> None:
        """Add a pane to the running blip."""
        for mine, came in ((self.counts, counts), (self.others, others)):
            for sli, (good, bad) in came.items():
                before = mine.get(sli, (0, 0))
                mine[sli] = before[0] + good, before[1] + bad

    def begin(self, blip: int, first: int) -> None:
        """Begin a blip."""
        self.blip, self.first, self.counts, self.others = blip, first, {}, {}
