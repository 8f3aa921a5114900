"""The hashes that stand for ids of users and sessions in the request log; an id that recurs is hashed once."""

from collections.abc import Sequence

from operators.pseudonyms import Pseudonyms
from operators.store.rows import Column, same

IDS_MAX = 100_000  # Remembered per partition: some 20 MB. Then all are forgotten, and hashed once more.


class KnownIds:
    """With `pseudonyms` None, ids stay as they are."""

    def __init__(self, pseudonyms: Pseudonyms | None) -> None:
        self._known = None if pseudonyms is None else _Hashed(pseudonyms)

    def __len__(self) -> int:
        return len(self._known or ())

    def column(self, ids: Sequence[str | None]) -> Column:
        """Return what stands for each id, empty text if there is none."""
        if not any(ids):
            return same("", len(ids))
        if self._known is None:
            return [name or "" for name in ids]
        if len(self._known) > IDS_MAX:
            self._known.clear()
        return list(map(self._known.__getitem__, ids))


class _Hashed(dict[str | None, str]):
    def __init__(self, pseudonyms: Pseudonyms) -> None:
        super().__init__()
        self._pseudonyms = pseudonyms

    def __missing__(self, name: str | None) -> str:
        hashed = self[name] = (self._pseudonyms.of(name) or "") if name else ""
        return hashed
