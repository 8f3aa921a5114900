"""The story of one request, from the request log."""

from flows.page.store import Row, Store
from flows.page.views.release import Unknown


def request(store: Store, name: str, model: str) -> Row:
    """Return the facts of a request, by part; where several models answered that id, those models. Unknown."""
    rows = store.ask("request", request=name, model=model)
    if not rows:
        raise Unknown(f"there is no request {name} in the request log, which `rollguard archive` writes")
    models = sorted({row["detail"] for row in rows if (row["part"], row["name"]) == ("request", "model")})
    parts: dict[str, list[Row]] = {}
    for row in rows if len(models) == 1 else ():
        parts.setdefault(row["part"], []).append(row)
    return {"counted": None, "request": name, "models": models, "parts_of": parts}
