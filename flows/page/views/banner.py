"""The sentence of the first page: the worst news in a few words."""

from collections import defaultdict
from collections.abc import Iterator

from flows.page.store import Row
from flows.page.views.urgent import DECIDED_BY, is_urgent
from flows.page.words import count

RELEASES = (
    ("rollback without effect", "{}: the rollback has no effect", "bad"),
    ("rolling back", "{} is being rolled back", "bad"),
    ("traffic moved", "{} was rolled back, the traffic has moved", "warn"),
)


def banner(models: list[Row], alerts: list[Row], now: int) -> Row:
    """Return the sentence of the whole page, the worst first."""
    title, kind = next(_news(models, alerts, now))
    requests = sum(model["per_second"] for model in models)
    under_way = sum(model["state"].word in ("held", "rolling out") for model in models)
    note = " · ".join(
        [
            _things(len(models), "model"),
            f"{_things(under_way, 'release')} under way",
            f"{requests:,.1f} requests/s",
            _things(len(alerts), "open alert"),
        ]
    )
    return {"title": title, "kind": kind, "note": note}


def _news(models: list[Row], alerts: list[Row], now: int) -> Iterator[tuple[str, str]]:
    """Yield all news with its urgency, the worst first; alerts on a release are part of the release's."""
    by_kind: dict[str, list[Row]] = defaultdict(list)
    for model in models:
        by_kind[model["state"].word].append(model)
    for word, text, kind in RELEASES:
        if by_kind[word]:
            yield text.format(_named(by_kind[word])), kind
    known = {(each["model"], each["version"]) for each in models if each["state"].word in DECIDED_BY}
    loud = [each for each in alerts if not each["is_silenced"]]
    pages = [each for each in loud if each["severity"] == "page" and (each["model"], each["version"]) not in known]
    if pages:
        more = f" and {len(pages) - 1} more" if len(pages) > 1 else ""
        yield f"{pages[0]['model']}: {pages[0]['rule']} needs somebody{more}, nothing is being rolled back", "bad"
    if by_kind["held"]:
        yield f"{_things(len(by_kind['held']), 'release')} held, nothing is being rolled back", "warn"
    if by_kind["rolling out"]:
        yield f"{_things(len(by_kind['rolling out']), 'release')} under way, nothing is held", "plain"
    recovered = [each for each in by_kind["recovered"] if is_urgent(each, now)]
    if recovered:
        yield f"{_named(recovered)} was rolled back, and users are well again", "info"
    if loud:
        yield f"Nothing is being rolled out, {_things(len(loud), 'open alert')}", "plain"
    yield "All is well, nothing is being rolled out", "good"


def _things(n: int, name: str) -> str:
    return f"{count(n)} {name}{'' if n == 1 else 's'}"


def _named(models: list[Row]) -> str:
    first = models[0]
    more = f" and {len(models) - 1} more" if len(models) > 1 else ""
    return f"{first['model']} {first['version']}{more}"
