"""Why a version was withdrawn, and the level at which users are well again."""

import msgspec

from operators.wire.control import Affected, Evidence


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """The ratio of bad events, of the SLI with number `sli`, that what serves now has to fall below.

    Where `sli` is None, it is the ratio of bad values of the measure with number `measure`: those in histogram buckets
    above `code`. `bad_max` is that ratio, `bad_well` one that is well: 0 < `bad_well` < `bad_max` < 1.
    """

    sli: int | None = None
    bad_max: float
    bad_well: float
    measure: int = 0
    code: int = 0


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why a version was withdrawn: the rule and what it found, worst first.

    `level` is None where the rule counts no bad events, or counted too few. `by_hand`: it was a command, named in
    `rule`.
    """

    rule: str
    runbook: str
    slices: tuple[Affected, ...]
    evidence: Evidence
    level: Level | None = None
    by_hand: bool = False
