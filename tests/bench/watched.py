"""What watching features costs: the whole job with 0, 4 and 20 of them under drift and contract monitors."""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from flows import settings
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.profiles.build import build
from operators.profiles.profile import to_json
from tests.bench.flows import decode_alone, whole_job
from tests.bench.generate import lines, named, value, write

FEATURES = (0, 4, 20)
REFERENCE = 10_000
SERIES = 36


def jobs(count: int, per_second: int) -> Iterator[tuple[int, Callable[[], None], Callable[[], None]]]:
    """Yield how many features, decoding events that carry them alone, and the whole job that watches all of them."""
    for features in FEATURES:
        events = lines(count, SERIES, per_second, features)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "events.ndjson")
            write(path, events)
            yield features, lambda: decode_alone(events), lambda: whole_job(path, policy=policy_of(features))  # noqa: B023  # Called before the next.


def policy_of(features: int) -> Policy:
    """The default policy, whose contract and PSI watch so many features."""
    text = settings.Settings().policy.read_text("utf-8")
    if not features:
        return parse(text)
    rng = random.Random(1)
    columns = {
        f"features.{name}": [value(rng, index) for _ in range(REFERENCE)] for index, name in enumerate(named(features))
    }
    named_profile = text.replace('profile = ""', 'profile = "bench"', 1)
    return parse(named_profile, {"bench": to_json(build(columns))})
