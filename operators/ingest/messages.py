"""Raw messages of one source, as a reader passes them on."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.window.watermark import NEVER

NO_BOUND = 1 << 62  # [Unix ms] Where the time of receipt is unknown: any time is allowed.


class Messages(msgspec.Struct, frozen=True, kw_only=True):
    """n messages in order. `positions`, offsets or line numbers, grow, and may have gaps.

    `received_ms` (n,) [Unix ms] bounds the timestamps that are believed: the broker's time of each message, or the
    start of the run for files. `appended` (n,) marks those where it is the broker's own clock (LogAppendTime), which no
    producer can set; None: no message. `tombstones` counts the messages without a value, which delete a key: they hold
    no item, and are empty here. `beside` has the key and a header of each, where the reader was asked for them.
    """

    values: Sequence[bytes]
    positions: Sequence[int]
    received_ms: NDArray[np.int64]
    appended: NDArray[np.bool_] | None = None
    tombstones: int = 0
    beside: Sequence[tuple[bytes, bytes]] = ()

    def __len__(self) -> int:
        return len(self.values)

    @property
    def appended_ms(self) -> NDArray[np.int64] | None:
        """When the broker appended each, Unix ms; NEVER where it does not say, None where it says so for none."""
        return None if self.appended is None else np.where(self.appended, self.received_ms, NEVER)

    def appended_at(self, index: int) -> int:
        """Return when the broker appended a message, Unix ms; NEVER where it does not say."""
        return int(self.received_ms[index]) if self.appended is not None and self.appended[index] else NEVER

    def part(self, start: int, stop: int) -> "Messages":
        """Return messages start .. stop - 1; tombstones are counted only for the whole."""
        return Messages(
            values=self.values[start:stop],
            positions=self.positions[start:stop],
            received_ms=self.received_ms[start:stop],
            appended=None if self.appended is None else self.appended[start:stop],
            beside=self.beside[start:stop],
        )

    def at(self, places: Ints) -> "Messages":
        """Return some of the messages, in order; tombstones are counted only for the whole."""
        rows = places.tolist()
        return Messages(
            values=[self.values[row] for row in rows],
            positions=[self.positions[row] for row in rows],
            received_ms=self.received_ms[places],
            appended=None if self.appended is None else self.appended[places],
            beside=[self.beside[row] for row in rows] if self.beside else (),
        )


NOTHING = Messages(values=(), positions=(), received_ms=np.zeros(0, np.int64))
