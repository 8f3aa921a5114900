"""A gateway that obeys rollguard: it follows the control events and sends requests only where they may go.

    python -m infra.examples.gateway rollguard-data/control.ndjson checkout v1=0.9 v2=0.1

reads one key per line from standard input, such as the id of a user or a request, and prints the version that answers
it. With ROLLGUARD_CONTROL_KEY it obeys only events signed with one of those keys. In production the follower is a
TopicFollower, the verifier has a clock as well, `Verifier(keys, lambda: int(time.time() * 1000))`, `route` is part of a
proxy, and `catch_up` runs beside it every second; `pins.refusals` is worth a metric.
"""

import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.pins import PinTable
from operators.connectors.control.file import FileFollower
from operators.connectors.control.follower import Follower
from operators.wire.sealing import Verifier, keys_of


class Gateway:
    """Splits the traffic of a model by `weights`, unless rollguard says otherwise."""

    def __init__(
        self, follower: Follower, model: str, weights: Mapping[str, float], verifier: Verifier | None = None
    ) -> None:
        self._follower = follower
        self._model = model
        self._weights = weights
        self.pins = PinTable(verifier=verifier)

    def catch_up(self) -> None:
        """Take the new control events; at the start before any request, or a pin would be missed."""
        while True:
            for said in self._follower.read():
                if self.pins.take(said.body):
                    sys.stderr.write(f"{self._model}: {self._standing()}\n")
            if self._follower.at_end:
                return

    def route(self, key: str) -> str | None:
        """Return the version that answers a key, always the same one; None if no version may."""
        return self.pins.route(self._model, key, self._weights)

    def _standing(self) -> str:
        shares = self.pins.shares(self._model, self._weights)
        return ", ".join(f"{version} {share:.1%}" for version, share in shares.items()) or "no version may answer"


USAGE = "needs CONTROL_FILE MODEL VERSION=WEIGHT..., such as control.ndjson checkout v1=0.9 v2=0.1"
WORDS_MIN = 3


def shares_in(weights: Sequence[str]) -> dict[str, float]:
    """Return the weight of each version. ValueError names a text that is not one."""
    shares = {}
    for each in weights:
        version, _, share = each.rpartition("=")
        if not version or not 0 <= (weight := _number(share)) < math.inf:
            raise ValueError(f"{each!r} is not VERSION=WEIGHT")
        shares[version] = weight
    if not any(shares.values()):
        raise ValueError("no version has a weight")
    return shares


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def main(*words: str) -> None:
    """Route the keys of standard input. ValueError, OSError."""
    if len(words) < WORDS_MIN:
        raise ValueError(USAGE)
    control, model, *weights = words
    shares = shares_in(weights)
    if not Path(control).is_file():
        sys.stderr.write(f"{model}: there is no {control} yet, so nothing is pinned\n")
    keys = os.environ.get("ROLLGUARD_CONTROL_KEY")
    verifier = Verifier(keys_of(keys) if keys else ())
    gateway = Gateway(FileFollower(Path(control), "beginning"), model, shares, verifier)
    for line in sys.stdin:
        gateway.catch_up()
        sys.stdout.write(f"{line.strip()} {gateway.route(line.strip())}\n")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (ValueError, OSError) as error:
        sys.stderr.write(f"gateway: {error}\n")
        sys.exit(2)
