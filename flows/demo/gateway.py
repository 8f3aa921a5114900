"""The demo's gateway: it follows the control file as any gateway would, and obeys the pins in it."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from flows.demo.serve import MODEL
from operators.connectors.control_file import FileFollower
from operators.control import ControlEvent
from operators.release.pins import PinTable

Heard = Callable[[ControlEvent], None]  # Told of every control event that the gateway has read.


class Gateway:
    """Knows which versions may get requests; the file, which need not be there yet, is all that it is told by."""

    def __init__(self, path: Path, heard: Heard) -> None:
        self._follower = FileFollower(path, "beginning")
        self._pins = PinTable()
        self._heard = heard

    def allows(self, version: str) -> bool:
        """Read what is new in the file, and tell whether a version may get requests."""
        for said in self._follower.read():
            self._pins.take(said.body)
            self._heard(msgspec.json.decode(said.body, type=ControlEvent))
        return self._pins.allows(MODEL, version)
