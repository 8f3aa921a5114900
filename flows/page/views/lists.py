"""Pages that are tables: events, alerts, commands, policies, requests and the health of the worker."""

from flows import settings
from flows.page.asked import FAR_MS, Asked
from flows.page.store import Row, Store, moment
from flows.page.views.release import Unknown
from flows.page.views.states import EVENTS, aged, event_row

COUNT = 300


def events(store: Store, asked: Asked) -> Row:
    """Return the control events, the newest first."""
    rows = store.ask(
        "events", model=asked.model, version=asked.version, type=asked.type, at=moment(asked.at), count=COUNT
    )
    return {
        "counted": counted(store, asked),
        "events": [event_row(row) for row in rows],
        "types": sorted(EVENTS),
        "type": asked.type,
        "model": asked.model,
        "is_cut": len(rows) == COUNT,
    }


def alerts(store: Store, asked: Asked) -> Row:
    """Return the open alerts."""
    now = counted(store, asked)
    rows = store.ask("alerts", model=asked.model, at=moment(asked.at))
    until = now["counted"] if now else 0
    return {"counted": now, "alerts": aged(rows, until), "model": asked.model}


def triage(store: Store, asked: Asked) -> Row:
    """Return the cases to look at."""
    cases = store.ask("triage", model=asked.model, at=moment(asked.at))
    return {"counted": counted(store, asked), "cases": cases, "model": asked.model}


def health(store: Store, asked: Asked) -> Row:
    """Return how far counting has come, what was refused, and who sent which commands."""
    at = moment(asked.at)
    return {
        "counted": counted(store, asked),
        "shards": store.ask("shards", at=at),
        "refused": store.ask("refused"),
        "commands": store.ask("commands", model=asked.model, at=at),
    }


def policies(store: Store, asked: Asked) -> Row:
    """Return the policies that were in force."""
    return {"counted": counted(store, asked), "policies": store.ask("policies", hash="")}


def policy(store: Store, asked: Asked, name: str) -> Row:
    """Return one policy. Unknown."""
    found = store.ask("policies", hash=name)
    if not found:
        raise Unknown(f"there is no policy {name}")
    return {"counted": counted(store, asked), "policy": found[0]}


def runbook(name: str) -> Row:
    """Return a runbook, by the name of its page. Unknown."""
    known = {path.name: path for path in settings.runbooks().glob("*.md")}
    if name not in known:
        raise Unknown(f"there is no page {name} that says what to do")
    return {"counted": None, "runbook": name, "text": known[name].read_text("utf-8")}


def counted(store: Store, asked: Asked) -> Row | None:
    """Return how far counting had come at the moment asked for."""
    return next(iter(store.ask("counted", at=moment(min(asked.at, FAR_MS)))), None)


def command(store: Store, asked: Asked, name: str) -> Row:
    """Return the outcome of a command, by its id; one only just sent has none yet."""
    return {"counted": counted(store, asked), "id": name, "command": next(iter(store.ask("command", id=name)), None)}
