"""A gateway that obeys rollguard: it follows what rollguard says and sends requests where they may go.

    python -m infra.examples.gateway rollguard-data/control.ndjson checkout v1=0.9 v2=0.1

reads one key per line from standard input, such as the id of a user or a request, and prints the version that answers
it. With ROLLGUARD_CONTROL_KEY it obeys only what was signed with one of those keys. In production the follower is a
TopicFollower, the verifier has a clock as well, `Verifier(keys, lambda: int(time.time() * 1000))`, `route` is part of a
proxy, and `catch_up` runs beside it every second; `pins.refusals` is worth a metric.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.pins import PinTable
from operators.connectors.control.file import FileFollower
from operators.connectors.control.follower import Follower
from operators.wire.sealing import Verifier, keys_of


class Gateway:
    """Splits the traffic of a model by `weights`, as far as rollguard says nothing else."""

    def __init__(
        self, follower: Follower, model: str, weights: Mapping[str, float], verifier: Verifier | None = None
    ) -> None:
        self._follower = follower
        self._model = model
        self._weights = weights
        self.pins = PinTable(verifier=verifier)

    def catch_up(self) -> None:
        """Take what rollguard has said meanwhile; at the start before any request, or a pin would be missed."""
        while True:
            for said in self._follower.read():
                if self.pins.take(said.body):
                    sys.stderr.write(f"{self._model}: {self._standing()}\n")
            if self._follower.at_end:
                return

    def route(self, key: str) -> str | None:
        """Return the version that answers a key, the same one each time; None if none may."""
        return self.pins.route(self._model, key, self._weights)

    def _standing(self) -> str:
        shares = self.pins.shares(self._model, self._weights)
        return ", ".join(f"{version} {share:.1%}" for version, share in shares.items()) or "no version may answer"


def main(control: str, model: str, *weights: str) -> None:
    shares = {version: float(share) for version, _, share in (each.partition("=") for each in weights)}
    keys = os.environ.get("ROLLGUARD_CONTROL_KEY")
    verifier = Verifier(keys_of(keys) if keys else ())
    gateway = Gateway(FileFollower(Path(control), "beginning"), model, shares, verifier)
    for line in sys.stdin:
        gateway.catch_up()
        sys.stdout.write(f"{line.strip()} {gateway.route(line.strip())}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
