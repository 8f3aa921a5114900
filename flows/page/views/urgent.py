"""Releases that need attention now: what is decided, why, how surely, where, since when, and what to do."""

from collections.abc import Sequence

import msgspec

from flows.page.store import Row, Store
from flows.page.views.sentences import TAKING_OUT, title
from flows.page.views.states import read
from flows.page.words import clock, named
from operators.release.proof import proof, sureness
from operators.spans import HOUR_MS
from operators.texts import age
from operators.wire.control import Evidence

RECOVERED_MS = HOUR_MS  # A rollback that ended well is shown for an hour.
SHOWN = 5  # Releases, the worst: the table has all.
SLICES = 3  # Slices that are named for one release.
# The events that lead to each state; the newest counts.
DECIDED_BY = {
    "rollback without effect": TAKING_OUT,
    "rolling back": ("rollback", "kill"),
    "traffic moved": ("rollback", "kill"),
    "held": ("hold",),
    "recovered": ("rollback", "kill"),
}
# What each state leaves to people.
TO_DO = {
    "rollback without effect": "Act now: it serves on, or users are not well. Move the traffic by hand.",
    "rolling back": "Nothing yet. It is watched whether the traffic moves; you are told if it does not.",
    "traffic moved": "Nothing yet. It is watched whether users are well; you are told if they are not.",
    "held": "Look for the cause. It keeps its traffic and is not promoted; if users suffer, roll it back.",
    "recovered": "Nothing urgent. Mend it, and release it under a new name.",
}


def is_urgent(model: Row, now: int) -> bool:
    """Tell whether the release of a model needs attention, or recovered within the hour."""
    word = model["state"].word
    return word in DECIDED_BY and (word != "recovered" or now - model["entered"] <= RECOVERED_MS)


def urgent(store: Store, models: Sequence[Row], at: str, now: int) -> list[Row]:
    """Return the decisions on these models' releases at the moment `at`, which is `now` [Unix ms], in their order."""
    some = [each for each in models if is_urgent(each, now)][:SHOWN]
    if not some:
        return []
    rows = store.ask(
        "decided", models=[each["model"] for each in some], versions=[each["version"] for each in some], at=at
    )
    return [_release(each, rows, now) for each in some]


def _release(model: Row, decided: Sequence[Row], now: int) -> Row:
    name, version, word = model["model"], model["version"], model["state"].word
    event = newest([row for row in decided if (row["model"], row["version"]) == (name, version)], DECIDED_BY[word])
    return {
        "model": name,
        "version": version,
        "kind": model["state"].kind,
        "title": f"{name}: {title(version, model['baseline'], word, event)}",
        "facts": [] if event is None else [fact for fact in facts(event, now) if fact["words"]],
        "to_do": TO_DO[word],
        "runbook": "" if event is None else event["runbook"],
    }


def newest(events: Sequence[Row], types: Sequence[str]) -> Row | None:
    """Return the newest event of these types, such as the kill after a rollback; None without any."""
    return max((each for each in events if each["type"] in types), key=lambda each: each["revision"], default=None)


def facts(event: Row, now: int) -> list[Row]:
    """Return the facts of a decision's event: why, how surely, where, since when, and what was found before."""
    found = [f"{each['words']} in {named(each['slice'])}, {clock(each['since'])}" for each in read(event["findings"])]
    evidence = _evidence(event)
    is_compared = evidence.candidate is not None
    words = {
        "Why": _why(event, evidence if not is_compared else _counts(evidence)),
        "How sure": sureness(evidence) if is_compared else "",
        "Where": _where(event),
        "Since": _since(event, evidence, now),
        "Found before": found[0] if found else "",
    }
    return [{"name": name, "words": each} for name, each in words.items()]


def _evidence(event: Row) -> Evidence:
    """Return an event's evidence; empty where another rollguard version wrote what this one cannot read."""
    try:
        return msgspec.json.decode(event["evidence"] or "{}", type=Evidence)
    except msgspec.DecodeError:
        return Evidence()


def _counts(evidence: Evidence) -> Evidence:
    """Return the evidence reduced to its counts."""
    return msgspec.structs.replace(evidence, lower=None, upper=None, p_value=None, log_e=None)


def _why(event: Row, evidence: Evidence) -> str:
    """Return the rule, with the event's words for what it saw; for a decision by hand its reason."""
    return "; ".join(each for each in (event["reason"], proof(evidence), f"by rule {event['rule']}") if each)


def _where(event: Row) -> str:
    """Return the slices that are affected, the worst first."""
    names = list(dict.fromkeys(named(each["slice"]) for each in read(event["slices"])))
    more = len(names[SLICES:]) + event["slices_more"]
    return ", ".join(names[:SLICES]) + (f" and {more} more" if more > 0 else "")


def _since(event: Row, evidence: Evidence, now: int) -> str:
    """Return when it began, as far as the counts can tell, and when it was decided."""
    decided = f"decided {clock(event['at'])}, {_ago(event['at'], now)}"
    began = event["onset"] if event["onset"] is not None else evidence.since
    return decided if began is None else f"about {clock(began)}, {_ago(began, now)}; {decided}"


def _ago(at: int, now: int) -> str:
    return f"{age(now - at)} ago" if now - at >= 1_000 else "just now"
