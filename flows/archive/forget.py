"""`rollguard forget`: everything that ClickHouse holds of one user is deleted."""

from flows.settings import Settings, pseudonyms
from flows.sql import require_store
from operators.connectors.deletion import delete_user


def forget(where: Settings, url: str, user: str) -> dict[str, int]:
    """Delete the rows of a user, by the id and by its hash; return how many by table. QueryError without a store."""
    require_store(url)
    known_as = pseudonyms(where).of(user)
    return delete_user(url, [user] if known_as is None else [user, known_as])
