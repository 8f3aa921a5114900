"""Raw messages of one source, as a reader hands them on."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

NO_BOUND = 1 << 62  # [Unix ms] When nobody knows when a message was received: at any time.


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """n messages in order. `positions` grow, and may have gaps; `received_ms` (n,) [Unix ms] is the broker's time."""

    values: Sequence[bytes]
    positions: Sequence[int]
    received_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)


NOTHING = Messages(values=(), positions=(), received_ms=np.zeros(0, np.int64))
