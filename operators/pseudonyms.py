"""Pseudonyms for ids and texts that must not be kept: hashes that only a holder of the key can check by guessing."""

from functools import lru_cache
from hashlib import blake2b, sha256

import msgspec

MARK = "id:"  # The prefix of a hash.


class Pseudonyms(msgspec.Struct, frozen=True):
    """`key` is None where there is none: then texts have no pseudonym, as an unkeyed hash can be guessed."""

    key: str | None = None

    def of(self, text: str) -> str | None:
        """Return the keyed BLAKE2b of a text (8 bytes), the same wherever the key is; None without a key.

        >>> Pseudonyms("0123456789abcdef").of("user-7"), Pseudonyms().of("user-7")
        ('id:34109511057828a9', None)
        """
        if self.key is None:
            return None
        hashed = _keyed(self.key).copy()
        hashed.update(text.encode("utf-8", "backslashreplace"))
        return f"{MARK}{hashed.hexdigest()}"

    @property
    def sampling(self) -> int | None:
        """Return a 64-bit word known only to holders of the key, which seeds sampling; None without a key.

        >>> Pseudonyms("0123456789abcdef").sampling, Pseudonyms().sampling
        (6601638035974460925, None)
        """
        return None if self.key is None else _sampling(self.key)


@lru_cache(maxsize=8)
def _sampling(key: str) -> int:
    return int.from_bytes(blake2b(key=sha256(key.encode()).digest(), digest_size=8, person=b"sampling").digest())


@lru_cache(maxsize=8)
def _keyed(key: str) -> blake2b:
    """Return the keyed hash of nothing: setting up the key is half of the cost of hashing an id."""
    return blake2b(key=sha256(key.encode()).digest(), digest_size=8)  # BLAKE2b takes keys of up to 64 bytes.
