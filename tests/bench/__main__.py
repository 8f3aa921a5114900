"""Prints what the main job costs, as ratios against ceilings measured in the same run."""

import itertools
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import archive, arrow, enrich, kafka, otlp, processes, refused, snapshots, watched
from tests.bench.flows import cpu_s, decode_alone, own_peak_bytes, per_event, whole_job
from tests.bench.generate import lines, write

SAMPLE = 240_000  # Events for what only needs a cost per event.
# Events and events a second. With 3,600 series the busy load brings 50 events a series and pane, the quiet one 10.
BUSY, QUIET = (1_440_000, 18_000), (720_000, 3_600)


def main() -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, Python {platform.python_version()}, one process")
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for load, series in itertools.product((BUSY, QUIET), (36, 3_600)):
            paths[load, series] = Path(folder, f"{series}-{load[1]}.ndjson")
            write(paths[load, series], lines(load[0], series, load[1]))
        _throughput(paths)
        _watched()
        _memory(paths[QUIET, 36], paths[QUIET, 3_600])
        _processes(Path(folder), paths[BUSY, 36])
    _refused()
    _otlp()
    _arrow()
    _archive()
    _enrich()
    _kafka()
    _snapshots()


def _processes(folder: Path, path: Path) -> None:
    copies = [folder / f"copy-{number}.ndjson" for number in range(4)]
    for copy in copies:
        copy.symlink_to(path)
    one, two = (processes.seconds(copies, number) for number in (1, 2))
    print(f"two processes / one, events a second over four files: {one / two:.2f} (at least 1.5)", flush=True)


def _refused() -> None:
    for items in (8_000, 16_000):
        size, seconds = refused.cost(items)
        print(f"an array of {items} refused items, {size >> 10} KiB: {seconds * 1e3:.0f} ms of CPU", flush=True)


def _otlp() -> None:
    found = otlp.costs(SAMPLE // 4)
    print(f"an event as a span, in batches of {otlp.BATCH}, in the whole job / as a native message:")
    for form in ("protobuf", "JSON"):
        print(f"  {form}: {found[form] / found['native']:.1f}, {found[form] * 1e6:.1f} microseconds", flush=True)


def _arrow() -> None:
    found = arrow.figures(SAMPLE // 2)
    print("an event as a row of Arrow, in batches of a thousand:")
    print(f"  its columns / decoding it as JSON: {found['table'] / found['decoding']:.2f} (at most 0.2)")
    print(f"  with what a policy reads of it: {found['scan'] / found['read']:.2f}, {found['scan'] * 1e9:.0f} ns")
    print(f"  in the whole partition: {found['taken'] / found['taken_native']:.2f}", flush=True)


def _archive() -> None:
    print("an event in the request log, stored over HTTP / decoding it alone:")
    # As many that what a start costs, a quarter of a second, is little of it.
    for count, chars, limit in ((3 * SAMPLE, 0, " (at most 6)"), (SAMPLE // 8, 1_000, "")):
        decoding, job = archive.costs(count, chars)
        what = f"with an input and an output of {chars} characters" if chars else "without texts"
        print(f"  {what}: {job / decoding:.1f}{limit}, {decoding * 1e9:.0f} and {job * 1e9:.0f} ns", flush=True)


def _enrich() -> None:
    found = enrich.figures()
    print("requests looked up for feedback, a second, among 2 million, over HTTP (at least 3,000):")
    for what, rates in (("of a week", found.anywhere), ("of the last hour", found.lately)):
        print(f"  {what}: " + ", ".join(f"{rate:.0f} by {size}" for size, rate in rates.items()), flush=True)


def _kafka() -> None:
    found = kafka.compare()
    print("events per CPU-second of the worker, Kafka / files, four partitions:")
    print(f"  one event a message: {found.files / found.single:.2f} (at least 0.4)")
    print(f"  arrays of 100:       {found.files / found.arrays:.2f}")
    few, many = found.fetched
    print("one event a message, microseconds of all threads of the client:")
    print(f"  fetched alone, 500 and 4,000 at once: {few:.2f}, {many:.2f}")
    print(f"  read: {found.read:.2f} (at most 2), {found.read / few:.2f} and {found.read / many:.2f} times as much")


def _snapshots() -> None:
    print(f"saving the state, per epoch of {snapshots.EPOCH_S} s at 10 events a series and pane:")
    for series, epochs in ((36, 200), (3_600, 80)):
        size, seconds = snapshots.cost(series, epochs)
        print(f"  {series:5} series: {size / 1024:7.0f} KiB, {seconds * 1e3:5.0f} ms (at most 500 ms)", flush=True)


def _throughput(paths: dict[tuple[tuple[int, int], int], Path]) -> None:
    events = lines(SAMPLE, 36, BUSY[1])
    print(f"{SAMPLE} events of {sum(map(len, events)) / SAMPLE:.0f} bytes")
    ceiling = _cost("decoding alone (the ceiling)", SAMPLE, lambda: decode_alone(events))
    job = _cost("the whole job, 36 series", BUSY[0], lambda: whole_job(paths[BUSY, 36]))
    wide = _cost("the whole job, 3,600 series", BUSY[0], lambda: whole_job(paths[BUSY, 3_600]))
    calm = _cost("36 series, a fifth of the rate", QUIET[0], lambda: whole_job(paths[QUIET, 36]))
    calm_wide = _cost("3,600 series, a fifth of the rate", QUIET[0], lambda: whole_job(paths[QUIET, 3_600]))
    tuned = _cost("per-event flow, tuned", SAMPLE, lambda: per_event(events, tuned=True))
    default = _cost("per-event flow, as the manual has it", SAMPLE, lambda: per_event(events, tuned=False))
    print("ratios of events per CPU-second:")
    print(f"  whole job / decoding alone: {ceiling / job:.2f} (at least 0.35)")
    print(
        f"  whole job / per-event flow as the manual has it: {default / job:.1f} (at least 6); tuned: {tuned / job:.1f}"
    )
    print("ratio of costs of an event:")
    print(f"  3,600 series / 36: {wide / job:.2f} (at most 2); at a fifth of the rate: {calm_wide / calm:.2f}")


def _watched() -> None:
    """Events carry as many features as are watched: more would make decoding dearer and the ratio better."""
    ratios = []
    for features, decoding, job in watched.jobs(SAMPLE, BUSY[1]):
        ceiling = _cost(f"decoding alone, {features} features", SAMPLE, decoding)
        ratios.append((features, ceiling / _cost(f"the whole job, {features} watched", SAMPLE, job)))
    print("whole job / decoding alone, by watched features:")
    print(
        "  " + ", ".join(f"{features}: {ratio:.2f}" for features, ratio in ratios) + " (4: at least 0.25)", flush=True
    )


def _cost(what: str, events: int, work: Callable[[], object]) -> float:
    """Measure, print and return seconds of CPU per event."""
    cost = cpu_s(work, runs=2) / events
    print(f"  {what:38} {cost * 1e9:7.0f} ns an event, {1e-3 / cost:6.0f} k events a CPU-second", flush=True)
    return cost


def _memory(few: Path, many: Path) -> None:
    """Compare the peaks of two processes of their own."""
    small, large = (_peak_bytes(path) for path in (few, many))
    print(f"peak memory: {small >> 20} MiB at 36 series, {large >> 20} MiB at 3,600", end=": ")
    print(f"{(large - small) / (3_600 - 36) / 1024:.0f} KiB a series (5 measures, windows of 1 m, 5 m and 1 h)")


def _peak_bytes(path: Path) -> int:
    command = [sys.executable, "-m", "tests.bench", str(path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        whole_job(Path(sys.argv[1]))
        print(own_peak_bytes())
    else:
        main()
