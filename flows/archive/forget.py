"""`rollguard forget`: deletes everything that ClickHouse holds of one user."""

from flows.settings import Settings, pseudonyms
from flows.sql import QueryError, require_store
from operators.connectors.clickhouse.deletion import delete_user, holds_hashed


def forget(where: Settings, url: str, user: str) -> dict[str, int]:
    """Delete the rows of a user, by the id and by its hash; return how many by table.

    QueryError without a store; for an empty id, which all users without an id share; and where the store's ids are
    hashes but there is no key, as nothing would be found.
    """
    if not user:
        raise QueryError("the user's id is empty, as it is of all requests that name nobody")
    require_store(url)
    known_as = pseudonyms(where).of(user)
    if where.id_key is None and holds_hashed(url):
        raise QueryError("users' ids are stored as hashes: ROLLGUARD_ID_KEY must be the key that they were made with")
    return delete_user(url, [user] if known_as is None else [user, known_as])
