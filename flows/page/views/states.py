"""Where releases stand, in words: for a glance, and for a sentence."""

from collections.abc import Sequence

import msgspec

from flows.page.store import Row
from flows.page.words import NONE, count, named, span
from operators.release.transitions import URGENCY


class State(msgspec.Struct, frozen=True, kw_only=True):
    """`kind` says how urgent it is: bad, warn, info, good or plain."""

    word: str
    kind: str
    rank: int


WORDS = {
    "ineffective": ("rollback without effect", "bad"),
    "rolled_back": ("rolling back", "bad"),
    "verifying": ("traffic moved", "warn"),
    "rolling_out": ("rolling out", "plain"),
    "overridden": ("runs by override", "warn"),
    "recovered": ("recovered", "info"),
    "serving": ("serving", "plain"),
    "promoted": ("promoted", "good"),
    "steady": ("steady", "plain"),
}
STEADY = State(word="steady", kind="plain", rank=len(URGENCY) + 1)
EVENTS = {
    "rollback": ("rollback", "bad"),
    "kill": ("kill", "bad"),
    "rollback_ineffective": ("rollback without effect", "bad"),
    "hold": ("hold", "warn"),
    "throttle": ("throttle", "warn"),
    "rollback_applied": ("traffic moved", "info"),
    "recovered": ("users are well", "info"),
    "promote": ("promote", "good"),
    "alert": ("alert", "plain"),
}
VERDICTS = {
    "BAD": ("✕", "surely worse", "bad"),
    "OK": ("✓", "surely not worse by more than the margin", "good"),
    "INSUFFICIENT": ("…", "not decided", "plain"),
    "STALE": ("○", "no data", "plain"),
}


def state_of(release: Row) -> State:
    """Return where a release stands; it is held while it rolls out and may not be promoted."""
    phase = release["phase_now"]
    if phase == "rolling_out" and release["held_by"]:
        return State(word="held", kind="warn", rank=URGENCY.index("rolling_out"))
    word, kind = WORDS.get(phase, (phase, "plain"))
    rank = URGENCY.index(phase) if phase in URGENCY else len(URGENCY)
    return State(word=word, kind=kind, rank=rank + (1 if phase == "rolling_out" else 0))


def aged(alerts: Sequence[Row], now: int) -> list[Row]:
    """Return alerts with how long each has been open at `now`, up to which requests were counted.

    An alert on requests that end for good comes later than that.
    """
    return [alert | {"age": span(max(now - alert["since"], 0))} for alert in alerts]


def event_details(event: Row) -> list[str]:
    """Return what a control event's sentence leaves out: how requests failed, what was found or moved."""
    errors = [
        f"{each['name']} {count(each['n'])}"
        + ("" if each.get("baseline") is None else f" ({count(each['baseline'])} on the baseline)")
        for each in read(event["error_types"])
    ]
    sentence = event["sentence"]
    unsaid = [each for each in read(event["findings"]) if each["words"] not in sentence]
    found = [f"{each['words']} in {named(each['slice'])}" for each in unsaid]
    moved = [each for each in event["moved"] if each not in sentence]
    parts = [("Failed by", errors), ("Found on it alone", found), ("Not as it was", moved)]
    return [f"{what}: {'; '.join(words)}." for what, words in parts if words]


def read(text: str) -> list[Row]:
    """Return a column that holds a JSON array; an empty list where an older worker wrote none."""
    return msgspec.json.decode(text, type=list[Row]) if text else []


def event_row(event: Row) -> Row:
    """Return a control event as a row of a table."""
    word, kind = EVENTS.get(event["type"], (event["type"], "plain"))
    more = max(event["slices_n"] - 1, 0)
    extra = "acknowledged" if event["acked"] else "silenced" if event["silenced"] else ""
    state = "resolved" if event["state"] == "resolved" else ""
    return {
        "at": event["at"],
        "model": event["model"],
        "version": event["version"],
        "word": word,
        "kind": kind,
        "type": event["type"],
        "state": state,
        "extra": extra,
        "rule": event["rule"],
        "severity": event["severity"],
        "worst": event["worst"] or NONE,
        "more": more,
        "pin": event["pin"] or "",
        "why": event["sentence"] or event["reason"],
        "details": event_details(event),
        "id": event["id"],
        "runbook": event["runbook"],
    }
