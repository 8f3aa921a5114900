"""What a canary rule knows of a candidate whose baseline serves no more: blip by blip, of each SLI on events."""

import msgspec

from operators.release.historical import Past
from operators.wire.control import Affected


class Replaced(msgspec.Struct, kw_only=True):
    """The `blip` that runs has had `total` requests, the baseline `baseline` of them, and `counts` good and bad by SLI.

    It began in pane `first` at the earliest. `past` is what the blips before say of each SLI, and `found` what was
    found BAD; `unknown` says why one cannot be compared, and `alerted` that people know. SLIs are numbers of
    the policy.
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
        """Add a pane to the blip that runs."""
        self.total += total
        self.baseline += baseline
        for sli, (good, bad) in counts.items():
            before = self.counts.get(sli, (0, 0))
            self.counts[sli] = before[0] + good, before[1] + bad

    def begin(self, blip: int) -> None:
        """Begin a blip."""
        self.blip, self.total, self.baseline, self.counts = blip, 0, 0, {}


class FirstServed(msgspec.Struct, kw_only=True):
    """What a canary rule knows of a slice that a version serves since it was promoted, `until` then [Unix ms].

    `usual` are good and bad events of the baseline there before, by SLI. The `blip` that runs began in pane `first`; it
    has had `counts` of the version, and `others` of its baseline. `past` and `found` are as in `Replaced`.
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
        """Add a pane to the blip that runs."""
        for mine, came in ((self.counts, counts), (self.others, others)):
            for sli, (good, bad) in came.items():
                before = mine.get(sli, (0, 0))
                mine[sli] = before[0] + good, before[1] + bad

    def begin(self, blip: int, first: int) -> None:
        """Begin a blip."""
        self.blip, self.first, self.counts, self.others = blip, first, {}, {}
