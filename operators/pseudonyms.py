"""What stands for an id or a text that must not be kept: a hash that only who has the key can tell from a guess."""

from functools import lru_cache
from hashlib import blake2b, sha256

import msgspec

MARK = "id:"  # What a hash begins with.


class Pseudonyms(msgspec.Struct, frozen=True):
    """With `key`, None where there is none: then nothing can stand for a text, as a hash of few texts is no secret."""

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
        """Return a 64-bit word that only who has the key knows, by which is drawn what counts; None without a key.

        >>> Pseudonyms("0123456789abcdef").sampling, Pseudonyms().sampling
        (6601638035974460925, None)
        """
        return None if self.key is None else _sampling(self.key)


@lru_cache(maxsize=8)
def _sampling(key: str) -> int:
    return int.from_bytes(blake2b(key=sha256(key.encode()).digest(), digest_size=8, person=b"sampling").digest())


@lru_cache(maxsize=8)
def _keyed(key: str) -> blake2b:
    """Return the hash of nothing: to begin with a key costs half of what the hash of an id does."""
    return blake2b(key=sha256(key.encode()).digest(), digest_size=8)  # BLAKE2b takes keys of up to 64 bytes.
