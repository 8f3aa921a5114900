"""The first page: is anything being rolled back now, and what else needs attention?"""

from collections import defaultdict
from typing import Any

from flows.page.asked import Asked
from flows.page.chart import Line
from flows.page.store import Row, Store, moment
from flows.page.views.banner import banner
from flows.page.views.states import STEADY, State, aged, event_row, state_of
from flows.page.views.urgent import urgent
from flows.page.words import percent, span
from operators.spans import HOUR_MS

LATELY_MS = 5 * 60_000
SPARK_MS = HOUR_MS
SPARK_STEP_S = 60
EVENTS = 30
MODELS_MAX = 200


def overview(store: Store, asked: Asked) -> Row:
    """Return what the first page shows."""
    at = moment(asked.at)
    counted = next(iter(store.ask("counted", at=at)), None)
    if counted is None:
        return {"title": "nothing is counted yet", "counted": None, "models": [], "alerts": [], "events": []}
    now = counted["counted"]
    ask = {"model": "", "at": at}
    releases = _by_model([release | {"state": state_of(release)} for release in store.ask("releases", **ask)])
    traffic = _by_model(store.ask("traffic", model="", **{"from": moment(now - LATELY_MS), "to": moment(now)}))
    slis = _by_model(_lately(store, now))
    alerts = store.ask("alerts", **ask)
    events = [event_row(each) for each in store.ask("events", version="", type="", count=EVENTS, **ask)]
    names = sorted({*releases, *traffic, *slis})
    pins = {row["model"]: row["pin"] for row in store.ask("pins", **ask)}
    rows = [
        _model(name, releases.get(name, []), traffic.get(name, []), slis.get(name, []), events, now)
        | {"pin": pins.get(name) or ""}
        for name in names
    ]
    _add_verdicts(store, rows, at)
    rows.sort(key=lambda row: (row["rank"], row["model"]))
    return {
        "counted": counted,
        "banner": banner(rows, alerts, now),
        "urgent": urgent(store, rows, at, now),
        "names": _names(slis),
        "models": rows[:MODELS_MAX],
        "more": max(len(rows) - MODELS_MAX, 0),
        "alerts": aged(alerts, now),
        "events": events,
    }


def _lately(store: Store, now: int) -> list[Row]:
    """Return the SLIs of all models over the last hour, as lines."""
    hour = {"from": moment(now - SPARK_MS), "to": moment(now)}
    return store.ask("sli_lines", model="", slice="*", slis=[], step_s=SPARK_STEP_S, **hour)


def _add_verdicts(store: Store, models: list[Row], at: str) -> None:
    """Add to each serving version how many of its series are surely bad, surely good, and undecided."""
    serving = sorted({share["version"] for model in models for share in model["shares"]})
    verdicts = {(row["model"], row["version"]): row for row in store.ask("verdicts", versions=serving, at=at)}
    for model in models:
        for share in model["shares"]:
            share["verdicts"] = verdicts.get((model["model"], share["version"]))


def _by_model(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["model"]].append(row)
    return found


def _names(slis: dict[str, list[Row]]) -> list[str]:
    return list(dict.fromkeys(row["sli"] for rows in slis.values() for row in rows))[:4]


def _model(
    name: str, releases: list[Row], traffic: list[Row], slis: list[Row], events: list[Row], now: int
) -> dict[str, Any]:
    worst = min(releases, key=lambda each: (each["state"].rank, -each["changed"]), default=None)
    state: State = STEADY if worst is None else worst["state"]
    candidate = None if worst is None else worst["version"]
    shares = _shares(traffic, candidate)
    last = next((event for event in events if event["model"] == name), None)
    return {
        "model": name,
        "state": state,
        "rank": state.rank,
        "version": candidate,
        "baseline": None if worst is None else worst["baseline"],
        "entered": None if worst is None else worst["entered"],
        "since": None if worst is None else span(now - worst["entered"]),
        "holds": [] if worst is None else sorted(worst["held_by"]),
        "shares": shares,
        "per_second": sum(row["requests"] for row in traffic) / (LATELY_MS / 1000),
        "slis": {sli: _sli(slis, sli, candidate) for sli in dict.fromkeys(row["sli"] for row in slis)},
        "last": last,
    }


def _shares(traffic: list[Row], candidate: str | None) -> list[Row]:
    total = sum(row["requests"] for row in traffic)
    rows = [row for row in traffic if row["requests"] and not row["version"].startswith("__mirrored__/")]
    rows.sort(key=lambda row: (row["version"] == candidate, -row["requests"]))
    return [
        {
            "version": row["version"],
            "kind": "candidate" if row["version"] == candidate else "baseline" if place == 0 else "other",
            "share": row["requests"] / total,
            "text": percent(row["requests"] / total),
        }
        for place, row in enumerate(rows)
    ]


def _sli(slis: list[Row], sli: str, candidate: str | None) -> Row:
    versions = dict.fromkeys(row["version"] for row in slis if row["sli"] == sli)
    order = sorted(versions, key=lambda version: (version == candidate, version))
    lines, last = [], []
    for version in order:
        rows = [row for row in slis if (row["sli"], row["version"]) == (sli, version)]
        kind = "candidate" if version == candidate else "baseline"
        lines.append(Line(name=version, kind=kind, points=[(row["at"], row["ratio"]) for row in rows]))
        last.append({"version": version, "kind": kind, "text": percent(rows[-1]["ratio"])})
    return {"lines": lines, "last": last}
