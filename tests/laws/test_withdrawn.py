"""A law of releases: whatever is commanded and served, a version that was withdrawn does not serve unnoticed.

Hypothesis plays commands, traffic and harm to a Judge, pane by pane, and keeps its own account of who was withdrawn,
from the control events and the commands alone.
"""

import os
from collections import deque

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from scipy.stats import binom

from gateway.pins import PinTable
from operators.wire.commands import AnyCommand
from operators.wire.control import ControlEvent
from tests.releasing import (
    BAD_NEWS,
    OLD,
    Counts,
    Story,
    kill,
    override,
    pin,
    release,
    rollback,
    silence,
    unpin,
    unsilence,
)

VERSIONS = ("v1", "v2", "v3", "v4")
MINUTE = DRAIN = 6  # Panes.
SHARE = 0.01
SURE = 1e-12  # Of a minute's requests: fewer come by chance from a version that has its share.
PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
EQUAL = dict.fromkeys(VERSIONS, 0.25)  # How the gateway would split the traffic.
versions = st.sampled_from(VERSIONS)


class Releases(RuleBasedStateMachine):
    """`since` has the versions that are withdrawn, and when somebody was told last: a rollback, a kill or a page."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story().settled()
        self.rates = dict.fromkeys(VERSIONS, 1)  # Bad requests of a hundred.
        self.volumes = dict.fromkeys(VERSIONS, 0) | {"v1": 50}
        self.said: list[AnyCommand] = []
        self.freed: set[str] = set()
        self.since: dict[str, int] = {}
        self.left: set[str] = set()  # Withdrawn versions that were gone once, or whose pin was lifted.
        self.minutes: dict[str, deque[tuple[int, int]]] = {}
        self.lifted = -DRAIN  # When somebody lifted a pin by hand last: traffic moves for a while, as they know.
        self.paged: set[str] = set()  # Those of which somebody knows that they have not stopped.
        self.pins = PinTable()

    @initialize(recovered=st.booleans())
    def begun(self, recovered: bool) -> None:
        """From a first rollback on."""
        self.story.until("rollback", BAD_NEWS)
        if recovered:
            self.story.until("recovered", OLD)
        for event in self.story.told:
            self.hear(event)

    @rule(versions=st.permutations(VERSIONS))
    def released(self, versions: list[str]) -> None:
        self.said.append(release(versions[0], versions[1]))

    @rule(version=versions, revoked=st.booleans())
    def overridden(self, version: str, revoked: bool) -> None:
        self.said.append(override(version, revoked))

    @rule(versions=st.permutations(VERSIONS), named=st.booleans())
    def taken_out(self, versions: list[str], named: bool) -> None:
        self.said.append(rollback(versions[0], versions[1] if named else None))

    @rule(version=versions)
    def killed(self, version: str) -> None:
        self.said.append(kill(version))

    @rule(version=versions)
    def pinned(self, version: str) -> None:
        self.said += [pin(version)]

    @rule()
    def unpinned(self) -> None:
        self.said.append(unpin())

    @rule()
    def silenced(self) -> None:
        self.said += [silence(self.story.now + 600_000), unsilence()]

    @rule()
    def restarted(self) -> None:
        self.story.restart()

    @rule(panes=st.integers(1, 400))
    def silent(self, panes: int) -> None:
        self.story.next += panes
        self.minutes.clear()

    @rule(
        version=versions,
        volume=st.sampled_from([0, 1, 10, 50]),
        rate=st.sampled_from([1, 5, 40, 90]),
        panes=st.integers(1, 40),
    )
    def served(self, version: str, volume: int, rate: int, panes: int) -> None:
        self.volumes[version], self.rates[version] = volume, rate
        for _ in range(panes):
            self.pane()

    @rule(panes=st.integers(1, 40))
    def turned(self, panes: int) -> None:
        """All traffic goes to what is withdrawn: a gateway that does not hear."""
        for version in self.since:
            self.volumes[version] = 20
        for _ in range(panes):
            self.pane()

    def pane(self) -> None:
        ok: Counts = {}
        for version, volume in self.volumes.items():
            bad = volume * self.rates[version] // 100
            if volume:
                ok[version] = volume - bad, bad
        said, self.said = self.said, []
        events = self.story.pane(ok, said=said)
        for event in events:
            self.hear(event)
        for version in list(self.since):
            self.check(version, self.volumes[version], sum(self.volumes.values()))

    def hear(self, event: ControlEvent) -> None:
        """Take what a person and a gateway hear."""
        pin = self.pins.pin("m")
        self.pins.take(event)
        version = event.version
        if event.rule == "commands:unpin":
            self.lifted = self.story.next
        if pin is not None and self.pins.pin("m") is None:
            self.left |= set(self.since)  # The pin kept them away.
            self.minutes.clear()
        if event.lifts:
            self.since.pop(version, None)
        elif event.type in ("rollback", "kill"):
            self.since[version] = self.story.next
            self.left.discard(version)
            self.paged.discard(version)
            self.minutes.pop(version, None)
        elif version in self.since and (event.severity == "page" or event.type == "rollback_applied"):
            self.since[version] = self.story.next
            self.minutes.pop(version, None)
            if event.type == "rollback_applied":
                self.left.add(version)
            if event.type == "rollback_ineffective":
                self.paged.add(version)

    def check(self, version: str, came: int, total: int) -> None:
        """Fail where a withdrawn version surely served for a minute after the drain, and nobody was told."""
        if self.story.next <= self.lifted + DRAIN:
            return
        minute = self.minutes.setdefault(version, deque(maxlen=MINUTE))
        minute.append((came, total))
        x, n = sum(each[0] for each in minute), sum(each[1] for each in minute)
        if len(minute) < MINUTE or binom.sf(x - 1, n, SHARE) > SURE:
            return
        told_ago = self.story.next - self.since[version]
        assert version not in self.left, f"{version} has served {x} of {n}, told {told_ago} panes ago"
        assert version in self.paged or told_ago <= DRAIN + MINUTE, f"{version} has not stopped for {told_ago} panes"

    @invariant()
    def withdrawn_versions_are_excluded(self) -> None:
        for version in self.since:
            assert not self.pins.allows("m", version), version

    @invariant()
    def withdrawn_versions_have_no_share(self) -> None:
        """All traffic goes to those that may serve, as long as there is one; a version that is promoted has it all."""
        for own in (EQUAL, {"v2": 1.0}):
            shares = self.pins.shares("m", own)
            assert not self.since.keys() & shares.keys()
            assert shares or not any(self.pins.allows("m", version) for version in own)
            assert sum(shares.values()) == pytest.approx(1.0 if shares else 0.0)

    @invariant()
    def somebody_may_serve(self) -> None:
        pin = self.pins.pin("m")
        assert pin is None or self.pins.allows("m", pin)


Releases.TestCase.settings = settings(
    max_examples=300 if PROVE else 12,
    stateful_step_count=60 if PROVE else 20,
    phases=list(Phase) if PROVE else [Phase.generate],
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
test_withdrawn_stays_withdrawn = Releases.TestCase
