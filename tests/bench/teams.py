"""What 20 policy files cost over 200 models, beside one file that has them all: `python -m tests.bench.teams`."""

import itertools
import random
import sys
import tempfile
from functools import partial
from pathlib import Path

from flows.settings import Settings
from operators.ingest.partition import Partition
from operators.policy.policy import Policy
from operators.policy_file.teams import parse_teams
from operators.policy_file.toml import parse
from tests.bench.flows import cpu_s, file_input, whole_job
from tests.bench.generate import START_MS, parts_of

TEAMS, MODELS = 20, 200
# Events and events a second, over 3,600 series: 50 and 10 events a series and pane, as in the other benchmarks.
LOADS = ((720_000, 18_000), (360_000, 3_600))


def policies() -> tuple[Policy, Policy]:
    """Return the default policy for all models, and one of 20 files, each with rules and an SLI of its own."""
    text = Settings().policy.read_text()
    files = {
        f"team{team:02}": f'models = ["team{team:02}-*"]\n' + text.replace("limit = 2000", f"limit = {2_000 + team}")
        for team in range(TEAMS)
    }
    return parse(text), parse_teams(files)


def write(path: Path, count: int, per_second: int) -> None:
    """Write events of 200 models, in order of time, over 18 series each."""
    models = [f"team{number % TEAMS:02}-{number}" for number in range(MODELS)]
    regions, segments = [f"region-{index}" for index in range(3)], [f"s{index}" for index in range(3)]
    rng, parts = parts_of(list(itertools.product(models, ("v1", "v2"), regions, segments)))
    ids = random.Random(1)
    with path.open("wb") as file:
        for index, (head, middle, tail) in enumerate(rng.choices(parts, k=count)):
            time_ms = START_MS + index * 1000 // per_second
            file.write(b"%b%032x%b%d%b\n" % (head, ids.getrandbits(128), middle, time_ms, tail))


def taken(path: Path, policy: Policy) -> None:
    """Read events, and count them by shard and pane: what a source does."""
    reader, partition = file_input(path, policy).open(None), Partition("p", "events", ("p",), policy)
    while (messages := reader.read()) is not None:
        partition.take(messages)


def main(runs: int) -> None:
    one, many = policies()
    with tempfile.TemporaryDirectory() as folder:
        for count, per_second in LOADS:
            path = Path(folder, f"{per_second}.ndjson")
            write(path, count, per_second)
            alone, together = (cpu_s(partial(whole_job, path, policy=policy), runs) for policy in (one, many))
            print(
                f"{TEAMS} policies over {MODELS} models, {per_second} events a second / one policy: "
                f"{together / alone:.2f} (at most 1.2); {together / count * 1e9:.0f} and {alone / count * 1e9:.0f} ns",
                flush=True,
            )
            alone, together = (cpu_s(partial(taken, path, policy), runs) for policy in (one, many))
            print(f"  of that reading and counting: {together / alone:.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
