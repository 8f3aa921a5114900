"""Items that were let go once they had been read: the few that are asked for again are decoded again."""

from collections.abc import Callable, Sequence
from typing import Any

from operators.arrays import Ints
from operators.ingest.formats.origin import Origin


class DecodedAgain:
    """The items of `origin` that stand at `rows` (n,), each made anew whenever it is asked for.

    All items of thousands of messages together fill the processor's caches many times over: to keep them until they are
    placed costs as much as to decode them.
    """

    def __init__(self, decode: Callable[[bytes], Any], origin: Origin, rows: Ints) -> None:
        self._decode, self._origin, self._rows = decode, origin, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: int) -> Any:
        return self._decode(self._origin.text(int(self._rows[row])))


Items = Sequence[Any] | DecodedAgain


def some_of(items: Items, rows: Ints) -> Items:
    """Return those of the items that stand at `rows`."""
    if isinstance(items, DecodedAgain):
        return DecodedAgain(items._decode, items._origin, items._rows[rows])
    return [items[row] for row in rows.tolist()]
