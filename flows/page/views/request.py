"""The story of one request, from the request log."""

from flows.page.store import Row, Store
from flows.page.views.release import Unknown


def request(store: Store, name: str) -> Row:
    """Return the facts of a request, by part. Unknown."""
    rows = store.ask("request", request=name)
    if not rows:
        raise Unknown(f"there is no request {name} in the request log, which `rollguard archive` writes")
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(row["part"], []).append(row)
    return {"counted": None, "request": name, "parts_of": parts}
