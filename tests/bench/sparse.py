"""Prints what an event costs where events are rare, as a ratio to the same events close together; and the memory.

Stories in panes of a minute: 20 monitors on one model over three weeks, five events a minute; 43 models over ten
months, each for two weeks or so with an event every five minutes, two monitors and a rule; the same number of models
with windows that slide over an hour and rules of four kinds, at random. Seeded; `--scale 0.1` takes a tenth of the
events and of the time.

Beside it two logs of the same events. *Close*: the panes of each shard follow each other without quiet ones between, so
that what is more is what quiet time costs. *Dense*: so many a second that panes are full. A dense pane ends its windows
and is judged once for thousands of events, a sparse one for a few: their ratio is that of events a pane as much as of
anything, so what a pane costs is printed, too. Each process does a small job before: imports and the loading of
kernels are no event's.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import river.drift  # noqa: F401  # Seconds, which are no event's.

from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.profiles.build import build
from operators.profiles.profile import to_json
from operators.window.shards import shard_of
from tests.bench.flows import cpu_s, own_peak_bytes, whole_job
from tests.policies import base, sli, table

START_MS = 1_700_002_800_000
DAY_MS = 86_400_000
PANE_MS = 60_000  # Of all policies here.
WAYS = ("sparse", "close", "dense")
FEW = 20  # Events of the small job.
MONITOR_KINDS = (
    'kind = "psi"\non = ["features.a", "features.b", "score"]\nslices = ["*", "region"]\nwindow = "1h"',
    'kind = "contract"\non = ["features.a", "features.b"]\nwindow = "1h"',
    'kind = "adwin"\non = "sli.ok"',
    'kind = "page_hinkley"\non = "latency_ms"',
)


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """So many `events` over `days` of `models`, which `policy` judges; dense: at `dense` a second, of all together."""

    events: int
    days: int
    models: int
    dense: int
    gap_ms: int | None = None  # Between two events of a model, which has them in a row; None: they come at random.
    policy: Callable[[], Policy]


def watching() -> Policy:
    """Panes of a minute, 20 monitors of four kinds, a rule on the window, a rule that listens."""
    text = base("region", pane="1m", tumbling=["1m"], measures=["latency_ms"]) + sli("ok", "no_error")
    text += table("drift", profile="p.json")
    for number in range(20):
        text += f'[[monitor]]\nname = "m{number}"\n{MONITOR_KINDS[number % len(MONITOR_KINDS)]}\n'
    text += '[[rule]]\nname = "slo"\nkind = "threshold"\nsli = "ok"\ntarget = 0.9\nwindow = "30m"\naction = "alert"\n'
    text += '[[rule]]\nname = "drifted"\nkind = "drift"\n'
    rng = random.Random(3)
    columns = {name: [rng.gauss(0, 1) for _ in range(5_000)] for name in ("features.a", "score")}
    profile = build(columns | {"features.b": [rng.choice("xyz") for _ in range(5_000)]})
    return parse(text, {"p.json": to_json(profile)})


def usual() -> Policy:
    """A rule, and detectors of two kinds on a measure."""
    text = base("region", pane="1m", tumbling=["1m"], measures=["latency_ms"]) + sli("ok", "no_error")
    text += table("[rule]", name="slo", kind="threshold", sli="ok", target=0.9, window="30m", action="alert")
    for kind in ("adwin", "page_hinkley"):
        text += table("[monitor]", name=kind, kind=kind, on="latency_ms")
    return parse(text)


def judging() -> Policy:
    """Panes of a minute, windows of five minutes and an hour that slide, a rule of each kind that judges SLIs."""
    sliding = [("5m", "1m"), ("1h", "5m")]
    text = base("region", pane="1m", tumbling=["1m"], sliding=sliding, measures=["latency_ms"]) + sli("ok", "no_error")
    rules = (
        {"kind": "threshold", "sli": "ok", "target": 0.9, "window": "2h"},
        {"kind": "burn_rate", "sli": "ok", "target": 0.95},
        {"kind": "measure", "measure": "latency_ms", "statistic": "mean", "at_most": 800, "window": "5m", "n_min": 3},
        {"kind": "absence", "after": "20m"},
    )
    text += "".join(table("[rule]", name=rule["kind"], action="alert", **rule) for rule in rules)
    return parse(text)


STORIES = {
    "monitors": Story(events=159_000, days=21, models=1, dense=200, policy=watching),
    "models": Story(events=195_000, days=300, models=43, dense=2_000, gap_ms=300_000, policy=usual),
    "windows": Story(events=20_000, days=30, models=43, dense=2_000, policy=judging),
}


def write(story: Story, count: int, way: str, path: Path) -> int:
    """Write the events, in order of time, over the time of the way; return how many panes of shards have any."""
    rng = random.Random(7)
    span_ms = count * 1000 // story.dense if way == "dense" else story.days * DAY_MS * count // story.events
    times = _times(story, count, span_ms, rng)
    close, panes = _without_quiet(times, story.policy().shards)
    with path.open("wb") as file:
        for number, (ts, model) in enumerate(close if way == "close" else times):
            event = {
                "request_id": f"r{number}",
                "ts": ts,
                "model": f"model-{model}",
                "version": "v1",
                "slices": {"region": rng.choice(("eu", "us"))},
                "error_type": "timeout" if rng.random() < 0.03 else None,
                "latency_ms": round(rng.lognormvariate(6, 1), 1),
                "score": round(rng.gauss(0, 1), 3),
                "features": {"a": round(rng.gauss(0, 1), 3), "b": rng.choice("xyz")},
            }
            file.write(msgspec.json.encode(event) + b"\n")
    return panes


def _without_quiet(times: Sequence[tuple[int, int]], shards: int) -> tuple[list[tuple[int, int]], int]:
    """Return the events with the panes of each shard one after the other, and how many panes of shards there are."""
    known: dict[int, dict[int, int]] = {}
    moved = []
    for ts, model in times:
        panes = known.setdefault(shard_of(f"model-{model}", shards), {})
        pane = panes.setdefault(ts // PANE_MS, len(panes))
        moved.append((START_MS + pane * PANE_MS + ts % PANE_MS, model))
    return sorted(moved), sum(map(len, known.values()))


def _times(story: Story, count: int, span_ms: int, rng: random.Random) -> list[tuple[int, int]]:
    """Return when which model has an event."""
    if story.gap_ms is None or count * story.gap_ms // story.models > span_ms:
        times = [START_MS + rng.randrange(max(span_ms, 1)) for _ in range(count)]
        return sorted((ts, rng.randrange(story.models)) for ts in times)
    each = count // story.models
    begins = [START_MS + rng.randrange(span_ms - each * story.gap_ms + 1) for _ in range(story.models)]
    return sorted((begin + at * story.gap_ms, model) for model, begin in enumerate(begins) for at in range(each))


class Cost(NamedTuple):
    """CPU time of a job [s], the panes of shards that had an event, and the most memory of its process [bytes]."""

    cpu_s: float
    panes: int
    peak: int


def cost(story: Story, count: int, way: str) -> Cost:
    """Return what the job costs after a small one."""
    with tempfile.TemporaryDirectory() as folder:
        path, few = Path(folder, "events.ndjson"), Path(folder, "few.ndjson")
        panes = write(story, count, way, path)
        policy = story.policy()
        with path.open("rb") as file:
            few.write_bytes(b"".join(islice(file, FEW)))
        whole_job(few, policy=policy)
        return Cost(cpu_s(lambda: whole_job(path, policy=policy), runs=1), panes, own_peak_bytes())


def measured(name: str, scale: float, way: str) -> Cost:
    """Return what `cost` does, of a process of its own: memory is not given back."""
    command = [sys.executable, "-m", "tests.bench.sparse", "--one", name, "--scale", str(scale), "--way", way]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    cpu, panes, peak = printed.stdout.split()
    return Cost(float(cpu), int(panes), int(peak))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--one", choices=sorted(STORIES))
    parser.add_argument("--way", choices=WAYS, default=WAYS[0])
    args = parser.parse_args()
    if args.one:
        story = STORIES[args.one]
        print(*cost(story, int(story.events * args.scale), args.way))
        return
    for name, story in STORIES.items():
        count = int(story.events * args.scale)
        print(f"{name}: {count:,} events")
        costs = [measured(name, args.scale, way) for way in WAYS]
        for way, found in zip(WAYS, costs, strict=True):
            print(
                f"  {way:>6}: {1e6 * found.cpu_s / count:6.0f} us an event; {count / found.panes:7.1f} events a pane, "
                f"{1e3 * found.cpu_s / found.panes:7.2f} ms a pane; most memory {found.peak / 2**20:.0f} MiB"
            )
        sparse, close, dense = (found.cpu_s for found in costs)
        print(f"  sparse is {sparse / close:.1f} times close, and {sparse / dense:.0f} times dense")


if __name__ == "__main__":
    main()
