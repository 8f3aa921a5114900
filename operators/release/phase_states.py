"""What is known of a version in each phase: one tagged struct per phase, with that and nothing else.

The tag is the name of the phase (`transitions.py`). A steady version has no state, as nothing is known about it. Only
`machine.py` puts a version into another state. Times are Unix ms.
"""

from typing import Literal

import msgspec

from operators.release.cause import Cause
from operators.release.replaced import FirstServed, Replaced
from operators.release.traffic import Counted
from operators.stats.recovery_test import Health
from operators.stats.sample_ratio import TrafficSplit
from operators.stats.traffic_gone import Gone
from operators.stats.traffic_share import Excess

# "unpinnable": there is no version to go back to; "cool-down": it is too soon after another rollback.
# "slice": all traffic would pass, a small slice is surely far worse; "unserved": it passes only on what it served.
Hold = Literal[
    "hold", "throttle", "unpinnable", "shared cause", "cool-down", "one producer", "slice", "unserved", "judge"
]


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """When a harm began, was detected, when its traffic had moved, and when users were well; None while not known."""

    onset: int | None = None
    detected: int | None = None
    applied: int | None = None
    recovered: int | None = None


class Actionable(msgspec.Struct, kw_only=True):
    """A version that rules may act on.

    `holds` are, by rule, the reasons that stop its promotion (or an action) as of the pane last evaluated, `held` those
    of the pane before: what changed becomes an event. A `throttled` version must get little traffic. `shared` has, by
    SLI, the baseline's counts from before it degraded as well, for as long as it is degraded; `shared_values` the same
    by rule and measure, a bucket of values before the two counts. `producers` has, by bucket and producer, the
    version's events of each SLI, then the bad ones of each.
    """

    holds: dict[str, Hold] = {}
    held: dict[str, Hold] = {}
    throttled: bool = False
    shared: dict[int, Counted] = {}
    shared_values: dict[str, tuple[int, int, int]] = {}
    producers: dict[int, dict[str, list[int]]] = {}

    @property
    def times(self) -> Times:
        return Times()


class Serving(Actionable, kw_only=True, tag="serving"):
    """A version without a release on which a rule that acts is BAD (`serving.py`)."""


class RollingOut(Actionable, kw_only=True, tag="rolling_out"):
    """A candidate beside its baseline.

    `split` tests the declared share of the traffic, None where none was declared. `missed` requests came since its last
    one, of which it had the share `usual` before; `silent`: people have been told. `replaced` is, by rule, what is
    known about it while its baseline serves no more.
    """

    split: TrafficSplit | None = None
    usual: float = 0.0
    missed: int = 0
    silent: bool = False
    replaced: dict[str, Replaced] = {}


class Promoted(Actionable, kw_only=True, tag="promoted"):
    """A candidate that passed; rules still compare it with its baseline, and act on it.

    `replaced` as in `RollingOut`: once its baseline serves no more, it is compared with the baseline's past.
    `first_served` are, by rule, the slices that it serves only since its promotion (`first_served.py`).
    """

    replaced: dict[str, Replaced] = {}
    first_served: dict[str, dict[str, FirstServed]] = {}


class Leaving(msgspec.Struct, kw_only=True):
    """The traffic of a withdrawn version while it is not sure that it has left.

    `gone` tests whether it has left, and `health` how the versions that serve have done since it seems so. `loose` says
    that people are told if the version serves, although it was never seen to have left: what kept it away was lifted,
    or there were too few requests to tell.
    """

    gone: Gone = msgspec.field(default_factory=Gone)
    health: Health = msgspec.field(default_factory=Health)
    loose: bool = False


class Left(msgspec.Struct, kw_only=True):
    """The traffic of a withdrawn version left it at `applied`; `health` is how what serves has done since."""

    applied: int
    health: Health = msgspec.field(default_factory=Health)


class Withdrawn(msgspec.Struct, kw_only=True):
    """A version that should serve nobody.

    The harm began at `onset`, where that is known, and was `detected` when the version was withdrawn for its `cause`.
    `share` is its earlier share of the requests, `refuge` where its traffic was sent, None where it was left to the
    others. `excess` tests whether it surely serves, None while nothing points to that; `again` what it does since
    somebody lifted the pin.
    """

    cause: Cause
    detected: int
    onset: int | None = None
    share: float = 0.0
    refuge: str | None = None
    excess: Excess | None = None
    again: Health | None = None
    traffic: Leaving | Left

    @property
    def times(self) -> Times:
        applied = self.traffic.applied if isinstance(self.traffic, Left) else None
        return Times(onset=self.onset, detected=self.detected, applied=applied)


class RolledBack(Withdrawn, kw_only=True, tag="rolled_back"):
    """Its traffic is to go away."""

    traffic: Leaving = msgspec.field(default_factory=Leaving)


class Verifying(Withdrawn, kw_only=True, tag="verifying"):
    """Its traffic has left; users are to be well."""

    traffic: Left


class Recovered(Withdrawn, kw_only=True, tag="recovered"):
    """Users have been well since `recovered`."""

    traffic: Left
    recovered: int

    @property
    def times(self) -> Times:
        return msgspec.structs.replace(super().times, recovered=self.recovered)


class Ineffective(Withdrawn, kw_only=True, tag="ineffective"):
    """The rollback did not help by the deadline: its traffic has not left, or its users are not well."""


class Overridden(msgspec.Struct, kw_only=True, tag="overridden"):
    """Somebody lets it run, whatever the rules say; `times` are those of the harm for which it was withdrawn before."""

    times: Times = msgspec.field(default_factory=Times)


AnyState = Serving | RollingOut | Promoted | RolledBack | Verifying | Recovered | Ineffective | Overridden
