"""The demo's gateway: it follows the control file as any gateway would, and obeys the pins in it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from flows.demo.serve import MODEL
from gateway.pins import PinTable
from operators.connectors.control.file import FileFollower
from operators.wire.control import ControlEvent

Heard = Callable[[ControlEvent], None]  # Called with every control event that the gateway has read.


class Gateway:
    """Knows the share of traffic that each version gets, from the control file alone, which need not exist yet."""

    def __init__(self, path: Path, heard: Heard) -> None:
        self._follower = FileFollower(path, "beginning")
        self._pins = PinTable()
        self._heard = heard

    def share(self, version: str, own: Mapping[str, float]) -> float:
        """Read what is new in the file, and return a version's share of traffic that without pins is split by `own`."""
        for written in self._follower.read():
            self._pins.take(written.body)
            self._heard(msgspec.json.decode(written.body, type=ControlEvent))
        return self._pins.shares(MODEL, own).get(version, 0.0)
