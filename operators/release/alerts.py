"""Alerts of one model: one per rule and version, however many slices; fired, widened, resolved, silenced."""

from collections.abc import Mapping, Sequence

import msgspec

from operators.control import Ack, Affected, Severity, Silence
from operators.events import ms_of
from operators.verdict.verdicts import Verdict

Key = tuple[str, str]  # Rule and version.


class Firing(msgspec.Struct, kw_only=True):
    """An alert that fires: the slices it is about, and the id of the event that said so last."""

    slices: dict[str, Affected]
    severity: Severity
    event: str = ""


class Muted(msgspec.Struct, frozen=True, kw_only=True):
    """A silence in force until then, Unix ms; None is every rule."""

    rule: str | None
    until: int


class Alerts(msgspec.Struct, kw_only=True):
    """What fires, by rule and version; `muted` are the silences that have been asked for."""

    firing: dict[Key, Firing] = {}
    muted: list[Muted] = []

    def take(self, verdict: Verdict, severity: Severity) -> tuple[str, Firing] | None:
        """Take a verdict that changed; return what is to be said: "firing" or "resolved", and of what.

        BAD and STALE fire, and fire again when another slice joins or it becomes more severe; OK resolves once no
        slice is left. INSUFFICIENT says nothing: missing data is never good news.
        """
        key = verdict.rule, verdict.series.version
        known, text = self.firing.get(key), verdict.series.text
        if verdict.word in ("BAD", "STALE"):
            affected = Affected(slice=text, verdict=verdict.word, evidence=verdict.evidence)
            if known is None:
                known = self.firing[key] = Firing(slices={}, severity=severity)
            known.slices[text] = affected
            known.severity = severity
            return "firing", known
        if verdict.word == "OK" and known is not None and known.slices.pop(text, None) is not None and not known.slices:
            return "resolved", self.firing.pop(key)
        return None

    def drop(self, version: str) -> list[tuple[Key, Firing]]:
        """Take out all that fires about a version, because it serves no longer."""
        keys = [key for key in self.firing if key[1] == version]
        return [(key, self.firing.pop(key)) for key in keys]

    def mute(self, silence: Silence) -> None:
        self.muted.append(Muted(rule=silence.rule, until=ms_of(silence.until)))

    def is_muted(self, rule: str, ts: int) -> bool:
        """Tell whether alerts of a rule are muted at `ts`, Unix ms; forget the silences that have ended."""
        self.muted = [muted for muted in self.muted if muted.until > ts]
        return any(muted.rule in (None, rule) for muted in self.muted)

    def acknowledged(self, ack: Ack) -> tuple[Key, Firing] | None:
        """Return the alert that somebody says they look after."""
        return next(((key, firing) for key, firing in self.firing.items() if firing.event == ack.event), None)


def affected(verdicts: Mapping[str, Verdict]) -> list[Affected]:
    """Return verdicts by slice as what a control event lists."""
    return [Affected(slice=text, verdict=each.word, evidence=each.evidence) for text, each in verdicts.items()]


def worst_first(slices: Sequence[Affected]) -> tuple[Affected, ...]:
    """Order slices by how much harm their evidence proves, then by how much it shows."""

    def harm(affected: Affected) -> tuple[float, float, str]:
        evidence = affected.evidence
        proven = evidence.lower if evidence.candidate is not None else None
        shown = evidence.value if evidence.value is not None else 0.0
        # A good ratio is worse the lower it is; a difference of bad ratios, and whatever else, the higher it is.
        sign = -1.0 if evidence.threshold is not None and evidence.good is not None else 1.0
        return (-(proven if proven is not None else -1.0), -sign * shown, affected.slice)

    return tuple(sorted(slices, key=harm))
