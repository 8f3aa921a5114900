"""One model: its releases, what serves now, and how its SLIs went."""

from collections.abc import Sequence

from flows.page.asked import Asked
from flows.page.store import Row, Store, moment
from flows.page.views import lines
from flows.page.views.changed import failed
from flows.page.views.release import Unknown
from flows.page.views.states import aged, event_row, state_of
from flows.page.words import named
from operators.spans import HOUR_MS

SINCE_MS = HOUR_MS
SUCCESS = "availability"  # The SLI whose good events are successes, if it exists; else the first.


def model(store: Store, asked: Asked) -> Row:
    """Return what the page of a model shows. Unknown."""
    base = base_of(store, asked, SINCE_MS)
    at = moment(asked.at)
    releases = [row | {"state": state_of(row)} for row in store.ask("releases", model=asked.model, at=at)]
    start, end = base["start"], base["end"]
    rows = lines.asked_lines(store, asked.model, asked.slice, start, end)
    if not rows["traffic"] and not releases:
        raise Unknown(f"there is no model {asked.model} at that time")
    first = releases[0] if releases else None
    versions = [row["version"] for row in rows["slis"] + rows["traffic"]]
    kinds = (
        dict.fromkeys(versions, "baseline")
        if first is None
        else lines.kinds_of(first["version"], first["baseline"], versions)
    )
    return base | {
        "releases": releases,
        "alerts": aged(store.ask("alerts", model=asked.model, at=at), base["end"]),
        "charts": lines.charts(rows, kinds, [], start=start, end=end, where=named(asked.slice)),
        "costs": costs(store, asked.model, [row["sli"] for row in rows["slis"]], base["range"]),
        "errors": failed(rows["traffic"]),
        "slice": asked.slice,
        "events": [
            event_row(each) for each in store.ask("events", model=asked.model, version="", type="", at=at, count=100)
        ],
    }


def costs(store: Store, model: str, slis: Sequence[str], span: Row) -> list[Row]:
    """Return the cost of a success, and of a unit of its worth, by version: empty where no costs are kept."""
    if not slis:
        return []
    sli = SUCCESS if SUCCESS in slis else slis[0]
    return [row | {"sli": sli} for row in store.ask("costs", model=model, sli=sli, **span)]


def base_of(store: Store, asked: Asked, since_ms: int) -> Row:
    """Return what every page of a model needs: how far counting has come, and the time shown.

    Unknown, WrongAddress.
    """
    counted = next(iter(store.ask("counted", at=moment(asked.at))), None)
    if counted is None:
        raise Unknown("nothing is counted yet")
    start, end = asked.span(counted["counted"], since_ms)
    return {
        "counted": counted,
        "model": asked.model,
        "start": start,
        "end": end,
        "range": {"from": moment(start), "to": moment(end)},
    }
