"""Alerts of one model: one per rule and version, however many slices; fired, updated, resolved, silenced."""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from operators.rules.verdict import Verdict
from operators.stats.binomial import lower_bound
from operators.wire.commands import Ack, Silence, Unsilence
from operators.wire.control import Affected, Evidence, Severity, State
from operators.wire.events import ms_of

Key = tuple[str, str]  # Rule and version.
ALPHA = 0.01  # Of the bound by which slices are compared.
SEVERITIES: tuple[Severity, ...] = ("info", "ticket", "page")
EVENTS_MAX = 100  # Events of one alert that may be acknowledged: the newest.


class Firing(msgspec.Struct, kw_only=True):
    """An alert that fires: what it is about, by place, each with its severity, and the last event about it.

    `new` are the places that no event has reported yet, `earlier` the events before the last.
    """

    slices: dict[str, Affected] = {}
    severities: dict[str, Severity] = {}
    event: str = ""
    silenced: bool = False
    new: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """The highest severity of any slice."""
        return max(self.severities.values(), key=SEVERITIES.index, default="info")

    @property
    def is_over(self) -> bool:
        """Whether its rule no longer looks at anything that the alert is about (`narrowed.py`)."""
        return not self.severities

    @property
    def slices_ordered(self) -> tuple[Affected, ...]:
        """The slices in the order of the event: the new ones first, then the rest, each the worst first."""
        heard = self.slices.keys() - set(self.new)
        new = [each for place, each in self.slices.items() if place not in heard]
        return worst_first(new) + worst_first([each for place, each in self.slices.items() if place in heard])

    def record(self, event: str, silenced: bool) -> None:
        """Remember the id of the event that was just written about this alert."""
        self.earlier = (*self.earlier, *([self.event] if self.event else []))[-EVENTS_MAX:]
        self.event, self.silenced = event, silenced
        self.new = self.new if silenced else ()


class Muted(msgspec.Struct, frozen=True, kw_only=True):
    """A silence in force `until` a time [Unix ms], of every rule where `rule` is None, on all models where `every`."""

    rule: str | None
    until: int
    every: bool = False


class Alerts(msgspec.Struct, kw_only=True):
    """The alerts that fire, by rule and version; `muted` are the silences asked for.

    `rested` were resolved because their version had no traffic, and fire again once it has some.
    """

    firing: dict[Key, Firing] = {}
    muted: list[Muted] = []
    rested: tuple[Key, ...] = ()

    def take(self, key: Key, verdicts: Sequence[Verdict], severity: Severity) -> tuple[State, list[Affected]] | None:
        """Take the changed verdicts of one rule and version; return the state and slices of the event, if any.

        BAD and STALE fire, and fire again when another slice, SLI or finding joins or the severity rises; OK resolves
        the alert once nothing is left. INSUFFICIENT changes nothing: missing data is never good news. `severity` is the
        rule's.
        """
        firing, fires = self.firing.get(key) or Firing(), any(each.word in ("BAD", "STALE") for each in verdicts)
        if fires and firing.is_over:
            firing.slices, firing.new = {}, ()
        known: dict[str, list[str]] = {}  # A release that is bad everywhere has thousands.
        for where, each in firing.slices.items():
            known.setdefault(place(each), []).append(where)
        over, new = [], dict.fromkeys(firing.new)
        for verdict in verdicts:
            affected = Affected(slice=verdict.series.text, verdict=verdict.word, evidence=verdict.evidence)
            here = place(affected)
            if verdict.word in ("BAD", "STALE"):
                where = known.setdefault(here, [here])[0]
                firing.slices[where] = affected
                firing.severities[where] = verdict.severity or severity
                new.pop(where, None)
                new[where] = None
            for where in known.pop(here, ()) if verdict.word == "OK" else ():
                del firing.slices[where], firing.severities[where]
                over.append(affected)
        firing.new = tuple(new)
        if fires:
            self.firing[key] = firing
            return "firing", list(firing.slices.values())
        if over and not firing.slices:
            del self.firing[key]
            return "resolved", over
        return None

    def mute(self, silence: Silence, ts: int) -> None:
        """Mute from `ts` [Unix ms] on, replacing an earlier silence of the same model and rule."""
        self.unmute(silence, ts)
        if ms_of(silence.until) > ts:
            self.muted.append(Muted(rule=silence.rule, until=ms_of(silence.until), every=not silence.model))

    def unmute(self, what: Silence | Unsilence, ts: int) -> bool:
        """End the silence of this model and rule, and tell whether there was one; forget silences that are over."""
        ended = what.rule, not what.model
        lasting = [muted for muted in self.muted if muted.until > ts]
        self.muted = [muted for muted in lasting if (muted.rule, muted.every) != ended]
        return len(self.muted) < len(lasting)

    def is_muted(self, rule: str, ts: int) -> bool:
        return any(muted.until > ts and muted.rule in (None, rule) for muted in self.muted)

    def unheard(self, ts: int) -> list[Key]:
        """Return the alerts that fire, but were written only while they were muted."""
        return [key for key, firing in self.firing.items() if firing.silenced and not self.is_muted(key[0], ts)]

    def acknowledged(self, ack: Ack) -> tuple[Key, Firing] | None:
        """Return the alert that an `ack` is about, by the id of any of its latest events."""
        return next(
            ((key, firing) for key, firing in self.firing.items() if ack.event in (firing.event, *firing.earlier)), None
        )


def compared_of(affected: Affected) -> str | None:
    """Return what a rule judged on a slice, where it may judge several things: an SLI, or a measure of a canary."""
    evidence = affected.evidence
    return evidence.sli or (evidence.measure if evidence.candidate is not None else None)


def place(affected: Affected) -> str:
    """Return what distinguishes the verdicts of one rule and version: a rule may judge several SLIs of a slice."""
    compared = compared_of(affected)
    return affected.slice if compared is None else f"{affected.slice} {compared}"


def place_of(verdict: Verdict) -> str:
    return place(Affected(slice=verdict.series.text, verdict=verdict.word, evidence=verdict.evidence))


def affected(verdicts: Iterable[Verdict]) -> list[Affected]:
    """Return verdicts as a control event lists them."""
    return [Affected(slice=each.series.text, verdict=each.word, evidence=each.evidence) for each in verdicts]


def worst_first(slices: Sequence[Affected]) -> tuple[Affected, ...]:
    """Order slices by how much harm their evidence proves, then by how much it shows.

    Harm is the difference of bad ratios where two versions are compared, else the ratio of bad events, else how far a
    measure is beyond its limit.
    """
    return tuple(
        sorted(slices, key=lambda each: (*_harm(each.evidence), _drifts(each) and each.slice == "*", each.slice))
    )


def _drifts(affected: Affected) -> bool:
    """Tell whether a monitor found it: what one slice has then shows in all traffic, too."""
    return affected.evidence.measure is not None and affected.evidence.watermark is not None


def _harm(evidence: Evidence) -> tuple[float, float]:
    """Return the harm proven and the harm shown; the worst sorts first."""
    if evidence.candidate is not None:
        # Bounds lie on a grid, so among equal bounds the better proven harm counts as the worse.
        return -(evidence.lower or 0.0), -(evidence.log_e or 0.0)
    if evidence.good is not None and evidence.bad is not None:
        n = evidence.good + evidence.bad
        return -float(lower_bound(np.array([evidence.bad]), np.array([n]), ALPHA)[0]), -evidence.bad / max(n, 1)
    beyond = abs((evidence.value or 0.0) - (evidence.threshold or 0.0))
    return 0.0, -beyond
