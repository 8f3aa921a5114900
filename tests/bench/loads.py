"""Loads of the benchmark from end to end: how many models, series, rules; events as a file, and the policy for them."""

import math
import re
from pathlib import Path

import msgspec

from flows import settings
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from tests.bench.generate import DISTINCT, START_MS, parts_of

WRITTEN = 50_000  # Events written at once.
RULE = """
[[rule]]
name = "extra-{number}"
kind = "threshold"
sli = "availability"
target = {target}
window = "5m"
action = "alert"
severity = "ticket"
slices = ["*", "region"]
"""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """`series` (about) of so many `models` with two versions each; `rules` in place of the default policy's, if given.

    `seconds` of event time: an hour and five minutes fill all windows, and with them the memory. So many of the events
    are `distinct` in more than id and time.
    """

    series: int
    models: int = 2
    per_second: int
    seconds: int
    rules: int | None = None
    start_ms: int = START_MS
    distinct: int = DISTINCT

    @property
    def events(self) -> int:
        return self.per_second * self.seconds

    @property
    def panes(self) -> int:
        return math.ceil(self.seconds / 10)

    @property
    def sides(self) -> tuple[int, int]:
        """How many regions and segments each version has."""
        leaves = max(round(self.series / (2 * self.models)), 1)
        regions = max(math.isqrt(leaves), 1)
        return regions, math.ceil(leaves / regions)


def write_load(load: Load, path: Path) -> None:
    """Write the events, in order of time; seeded."""
    regions, segments = load.sides
    models = [f"model-{number}" for number in range(load.models)]
    rng, parts = parts_of(
        [
            (model, version, f"region-{region}", f"s{segment}")
            for model in models
            for version in ("v1", "v2")
            for region in range(regions)
            for segment in range(segments)
        ],
        distinct=min(load.distinct, load.events),
    )
    with path.open("wb") as file:
        for start in range(0, load.events, WRITTEN):
            for index in range(start, min(start + WRITTEN, load.events)):
                head, middle, tail = parts[rng.randrange(len(parts))]
                time = load.start_ms + index * 1000 // load.per_second
                file.write(b"%b%032x%b%d%b\n" % (head, rng.getrandbits(128), middle, time, tail))


def policy_of(load: Load) -> Policy:
    """The default policy, with room for all series, and with these rules."""
    text = settings.Settings().policy.read_text("utf-8")
    text = re.sub(r"series_max = \d+", "series_max = 100000", text)
    if load.rules is not None:
        first = text.index("[[rule]]")
        rest = text.index("[drift]")
        rules = [RULE.format(number=number, target=0.5 + number / 1_000) for number in range(load.rules)]
        text = text[:first] + "".join(rules) + "\n" + text[rest:]
    return parse(text)
