"""One release: what was decided, why, where, what else changed, and what is still needed."""

import json
from collections.abc import Sequence

import msgspec

from flows.page.asked import RANGE_MS_MAX, Asked
from flows.page.chart import Chart, Mark
from flows.page.store import Row, Store, moment
from flows.page.views import evidence, lines, sentences
from flows.page.views.changed import changed
from flows.page.views.firing import firing
from flows.page.views.slices import asked_cells, table
from flows.page.views.states import State, aged, event_row, read, state_of
from flows.page.views.urgent import newest
from flows.page.words import named, number
from flows.page.words import span as lasted

EVENTS, EVENTS_OF_LIST = 20, 5  # Shown; the page of events has all.
EVENTS_ASKED = 200
AROUND_MS = 600_000  # Shown before a release began, and after it ended.
STEPS = (
    ("released", "began"),
    ("harm began", "onset"),
    ("held", "hold"),
    ("rolled back", "detected"),
    ("traffic moved", "applied"),
    ("users well", "recovered"),
)
WITHDRAWN = ("rolled_back", "verifying", "recovered", "ineffective")


class Unknown(LookupError):
    """There is no such model, release or request at the moment asked for."""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A release at a moment: `it` from table release, all events of its version, and those since the release began.

    `times` are those of its steps; charts go from `start` to `end` [Unix ms].
    """

    counted: Row
    it: Row
    state: State
    events: Sequence[Row]
    mine: Sequence[Row]
    times: dict[str, int | None]
    start: int
    end: int


def release(store: Store, asked: Asked) -> Row:
    """Return what the page of a release shows. Unknown, WrongAddress."""
    story = _story(store, asked)
    it, now = story.it, story.counted["counted"]
    ask = {"model": asked.model, "version": asked.version}
    shown = EVENTS_OF_LIST if asked.is_list else EVENTS
    cells = asked_cells(store, asked)
    span = {"from": moment(it["began_at"]), "to": moment(story.end)}
    found = _found(store.ask("found", **ask, baseline=it["baseline"], **span), asked.version)
    return {
        "counted": story.counted,
        "release": it,
        "state": story.state,
        "title": sentences.title(
            asked.version, it["baseline"], story.state.word, newest(story.mine, sentences.TAKING_OUT)
        ),
        "sentences": _sentences(cells, found, story, now),
        "holds": sentences.holds(it["held_by"], story.mine),
        "steps": _steps(story.times),
        "slice": asked.slice,
        "table": table(cells, asked.page, asked.find),
        "found": found,
        **_charts(store, asked, story, cells),
        "metadata": _metadata(it["said"]),
        "events": [event_row(event) for event in story.events[:shown]],
        "more_events": max(len(story.events) - shown, 0),
        "runbook": next((event["runbook"] for event in story.mine if event["runbook"]), ""),
        "alerts": aged(_alerts(store, asked, story.events), now),
        "offers": ("override",) if it["phase_now"] in WITHDRAWN else ("rollback", "kill"),
        "now": now,
    }


def _story(store: Store, asked: Asked) -> Story:
    """Return the release asked for. Unknown, WrongAddress."""
    at = moment(asked.at)
    counted = next(iter(store.ask("counted", at=at)), None)
    known = {row["version"]: row for row in store.ask("releases", model=asked.model, at=at)}
    if counted is None or asked.version not in known:
        raise Unknown(f"{asked.model} has no release of {asked.version} at that time")
    it = known[asked.version]
    events = store.ask("events", model=asked.model, version=asked.version, type="", at=at, count=EVENTS_ASKED)
    # A release that began anew has a story of its own.
    mine = [event for event in events if event["at"] >= it["began_at"]]
    times = _times(it, mine)
    ended = max((times.get(name) or 0 for name in ("detected", "applied", "recovered", "promoted")), default=0) or None
    end = counted["counted"] if ended is None else min(counted["counted"], ended + AROUND_MS)
    start, end = asked.span(end, RANGE_MS_MAX, max(it["began_at"] - AROUND_MS, 0))
    return Story(
        counted=counted, it=it, state=state_of(it), events=events, mine=mine, times=times, start=start, end=end
    )


def _charts(store: Store, asked: Asked, story: Story, cells: Sequence[Row]) -> Row:
    """Return the charts of the evidence, and of the slice asked for, with marks at its events."""
    if asked.is_list:  # A list of slices needs no charts on each of its pages.
        return {"lead": None, "evidence": [], "charts": [], "errors": [], "psi": []}
    start, end, marks = story.start, story.end, _marks(story.times)
    lead = evidence.lead_of(cells, asked.sli)
    since = max(start, story.it["began_at"])
    rows = lines.asked_lines(store, asked.model, asked.slice, start, end, evidence.slis_of(cells, lead), since)
    versions = [row["version"] for row in rows["slis"] + rows["traffic"]]
    kinds = lines.kinds_of(asked.version, story.it["baseline"], versions)
    return {
        "lead": None if lead is None else lead["name"],
        "evidence": [] if lead is None else _evidence(store, asked, cells, lead, marks, start, end),
        "charts": lines.charts(rows, kinds, marks, start=start, end=end, where=named(asked.slice)),
        **changed(store, asked, story.it["baseline"], since, end, rows["traffic"]),
    }


def _evidence(
    store: Store, asked: Asked, cells: Sequence[Row], lead: Row, marks: Sequence[Mark], start: int, end: int
) -> list[Chart]:
    slices = evidence.drawn(cells, lead, asked.slice)
    rule, sli, measure = lead["key"]
    grown = store.ask(
        "evidence_lines", model=asked.model, version=asked.version, rule=rule, sli=sli, measure=measure,
        slices=slices, began=moment(lead["began"]), at=moment(asked.at), step_s=lines.step_s(start, end),
    )  # fmt: skip
    grown = [row for row in grown if start <= row["at"] <= end]
    chosen = asked.slice if asked.slice != "*" else lead["slice"]
    made = [
        evidence.growth(grown, cells, lead, marks, start, end),
        evidence.difference(grown, chosen, lead, marks, start, end),
    ]
    return [chart for chart in made if not chart.empty]


def _alerts(store: Store, asked: Asked, events: Sequence[Row]) -> list[Row]:
    """Return the open alerts of the version: from `events`, where these are all of its events."""
    if len(events) < EVENTS_ASKED:
        return firing(events)
    alerts = store.ask("alerts", model=asked.model, at=moment(asked.at))
    return [each for each in alerts if each["version"] == asked.version]


def _times(it: Row, events: Sequence[Row]) -> dict[str, int | None]:
    """Return when each step of a release was reached."""
    times: dict[str, int | None] = {"began": it["began_at"]}
    for event in sorted(events, key=lambda each: each["revision"]):
        if event["type"] == "hold" and times.get("hold") is None:
            times["hold"] = event["at"]
        if event["type"] in ("rollback", "kill") and times.get("detected") is None:
            times["detected"] = event["at"]
        if event["type"] == "promote":
            times["promoted"] = event["at"]
        for name in ("onset", "applied", "recovered"):
            times[name] = event[name] or times.get(name)
    return times


def _steps(times: dict[str, int | None]) -> list[Row]:
    """Return the steps in order, with how long each took after the one before."""
    wanted = STEPS if times.get("detected") or times.get("hold") else (("released", "began"), ("promoted", "promoted"))
    # Steps reached with the same pane keep the order of the steps.
    reached = sorted(((times[key] or 0, name) for name, key in wanted if times.get(key)), key=lambda each: each[0])
    ahead = [name for name, key in wanted if not times.get(key) and name in ("traffic moved", "users well", "promoted")]
    before: int | None = None
    out = []
    for time, name in reached:
        out.append({"name": name, "at": time, "after": "" if before is None else f"+{lasted(time - before)}"})
        before = time
    held_only = times.get("detected") is None and times.get("hold") is not None
    return out + [{"name": name, "at": None, "after": ""} for name in ([] if held_only else ahead)]


def _marks(times: dict[str, int | None]) -> list[Mark]:
    kinds = {"onset": "mark harm", "hold": "mark warn", "detected": "mark bad"}
    names = {"began": "released", "onset": "harm began", "hold": "hold", "detected": "rollback", "applied": "moved"}
    names |= {"recovered": "well", "promoted": "promoted"}
    return [Mark(at=at, name=names[key], kind=kinds.get(key, "mark")) for key, at in times.items() if at]


def _sentences(cells: Sequence[Row], found: Sequence[Row], story: Story, now: int) -> list[str]:
    word = story.state.word
    bad = sorted((cell for cell in cells if cell["verdict"] == "BAD"), key=lambda cell: -(cell["lower"] or 0))
    out = []
    if bad:
        out.append(sentences.proof(bad[0], alone=True))
        others = list(dict.fromkeys(named(cell["slice"]) for cell in bad[1:]))
        if others:
            out.append(f"Also affected: {', '.join(others[:5])}{' and more' if len(others) > 5 else ''}.")
    elif word in ("rolling out", "held"):
        strongest = max((cell for cell in cells if cell["n"]), key=lambda cell: cell["log_e_peak"], default=None)
        out.append("No comparison is surely worse." if strongest else "Nothing is compared yet.")
    if word in ("rolling out", "held"):
        out += [sentences.unsure([cell for cell in cells if evidence.is_beyond(cell)]), sentences.undecided(cells)]
    findings = next((event["findings"] for event in story.mine if event["findings"] not in ("", "[]")), "")
    detected = story.times.get("detected")
    out.append(sentences.cause(read(findings), found, detected or now, "before" if detected else "ago"))
    return [each for each in out if each]


def _found(rows: Sequence[Row], candidate: str) -> list[Row]:
    """Return findings, those on the candidate alone first."""
    return [
        row
        | {
            "only": not row["is_shared"] and row["version"] == candidate,
            "text": f"{row['field']}: {row['what']}"
            if row["what"]
            else f"{row['field']}: {row['method']} {number(row['worst'])}, limit {number(row['worst_limit'])}",
            "requests": _texts(row["examples"]),
        }
        for row in rows
    ]


def _texts(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return []
    return [str(each) for each in found][:5] if isinstance(found, list) else []


def _metadata(text: str) -> list[Row]:
    """Return the metadata in which the versions differ, by the release command."""
    try:
        metadata = json.loads(text or "{}")
    except json.JSONDecodeError:
        return []
    old, new = metadata.get("baseline", {}), metadata.get("candidate", {})
    return [
        {"name": name, "baseline": old.get(name), "candidate": new.get(name)}
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
