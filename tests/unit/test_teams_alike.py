"""Files that count alike are counted at once: each model's counts are those of its file alone, to the last byte."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any, cast

import numpy as np
import pytest

from operators.ingest.alike import alike
from operators.ingest.event_scans import event_scan_for
from operators.ingest.formats.format import Stream
from operators.ingest.partition import Partition
from operators.ingest.streams.team_events import TeamReading
from operators.policy.claims import Claims
from operators.policy.policy import Policy
from operators.policy_file.teams import limited, parse_teams
from operators.policy_file.toml import parse
from operators.window.label_ages import decode
from operators.window.partial import Partial, cell_rows
from tests.bench.teams import TEAMS, policies
from tests.dataflows.making import POLICY, START_MS, event, received
from tests.fast_kernels import kernels, without
from tests.policies import sli, table

__all__ = ["kernels"]  # A fixture.
CANARY = '[[rule]]\nname = "c"\nkind = "canary"\nslis = ["availability", "fast"]\n'
PLAIN = POLICY.replace('[sli.polite]\ngood = "flag_absent"\nflags = ["toxic", "refused"]\n', "") + sli(
    "unreported", "feedback_absent", kind="report", within="1h"
)
OF_SLICE = PLAIN.replace("limit = 150.5", 'limit = 90\nslices = ["region=eu"]')
FILES = {
    # Alike: limits, fields, error types and slices of their SLIs are their own, and all that those on feedback say.
    "a": 'models = ["m0"]\n' + PLAIN,
    "b": 'models = ["m1"]\n'
    + PLAIN.replace('ignore = ["client_cancelled"]', 'ignore = ["timeout"]')
    .replace("limit = 4", "limit = 3")
    .replace('"1h"', '"2h"'),
    "c": 'models = ["m2", "x-*"]\n' + OF_SLICE,
    "d": 'models = ["m3"]\n' + PLAIN.replace('"at_most"\nfield = "latency_ms"', '"at_least"\nfield = "metrics.other"'),
    # Each by itself: another dimension, chains, copies of requests, watched fields; other flags and errors by one name.
    "e": 'models = ["m4"]\n' + POLICY,
    "f": 'models = ["m5"]\n'
    + POLICY.replace('["toxic", "refused"]', '["truncated"]').replace(
        'ignore = ["client_', 'errors = ["500", "client_'
    ),
    "g": 'models = ["m6"]\n' + PLAIN.replace('["region", "segment"]\ncrosses = [["segment", "region"]]', '["unused"]'),
    "h": 'models = ["m7"]\n' + PLAIN + CANARY,
    "j": 'models = ["m9"]\n' + PLAIN + sli("guess", "estimated", labels_min=5),
    "i": 'models = ["m8"]\n' + PLAIN + table("release", mirrored=["v1*"]),
}


def values(count: int) -> list[bytes]:
    random = Random(11)
    found = []
    for index in range(count):
        body = event(random, START_MS + 40 * index, models=11)  # m10 is nobody's.
        if random.random() < 0.3:
            body["session_id"] = f"s{random.randrange(40)}"
        if random.random() < 0.1:
            body["mirrored"] = True
        found.append(json.dumps(body).encode())
    return found


def counts(policy: Policy, events: list[bytes], batch: int) -> Iterator[tuple[str, Any]]:
    """All that comes to the shards, by model: a row each, whatever numbers its series have, and whichever shard."""
    partition = Partition("p", "events", ("p",), policy)
    for start in range(0, len(events), batch):
        for _, given in partition.take(received(events[start : start + batch], start)).inputs:
            for closing, part in given.partials:
                for row in range(part.rows):
                    yield part.series[part.which[row]].model, (closing, start, *row_of(part, row))


def row_of(part: Partial, row: int) -> tuple[Any, ...]:
    cells, codes, n = cell_rows(part.cells)
    own = cells // max(part.sums.shape[1], 1) == row
    chains, ages = part.chains, decode(part.ages, part.slis.shape[1])
    of_chain = np.zeros(0, bool) if chains is None else chains.row == row
    return (
        tuple(part.series[part.which[row]]),
        int(part.pane[row]),
        int(part.late[row]),
        int(part.events[row]),
        part.slis[row].tolist(),
        part.sums[row].tolist(),
        part.extremes[row].tolist(),
        sorted((part.error_types[kind], count) for at, kind, count in part.outcomes.tolist() if at == row),
        list(
            zip((cells[own] % max(part.sums.shape[1], 1)).tolist(), codes[own].tolist(), n[own].tolist(), strict=True)
        ),
        [each[0] % max(part.bins, 1) for each in part.features.tolist() if each[0] // max(part.bins, 1) == row],
        [repr(sample) for at, sample in part.samples if at == row],
        [column[ages.row == row].tolist() for column in ages],
        None
        if chains is None
        else (
            chains.inside[row].tolist(),
            sorted(zip(chains.chain[of_chain].tolist(), chains.classes[of_chain].tolist(), strict=True)),
        ),
    )


@pytest.mark.parametrize("files", [FILES, {name: FILES[name] for name in "abcd"}], ids=["unlike", "alike"])
def test_each_models_counts_are_those_of_its_file_alone(files: dict[str, str]) -> None:
    policy, events = parse_teams(files), values(600)
    assert len(alike(policy)[0].teams) == 4
    together = list(counts(policy, events, 300))
    assert {model for model, _ in together} == {f"m{index}" for index in range(len(files))}
    for name, text in files.items():
        own = list(counts(limited(parse(text)), events, 300))
        models = {model for model, _ in own}
        assert len(own) >= 10
        assert sorted(repr(each) for each in together if each[0] in models) == sorted(map(repr, own)), name


def test_events_of_several_files_are_scanned_with_the_same_counts(kernels: None) -> None:
    scannable = {name: FILES[name].replace('"metrics.gpu-util", ', "") for name in "abdghi"}
    policy = parse_teams(
        {
            name: text.replace("metrics.gpu-util", "score").replace("metrics.other", "score")
            for name, text in scannable.items()
        }
    )
    assert event_scan_for("native", TeamReading(policy, cast(Claims, policy.claims)).policy) is not None
    events = values(600)
    scanned = list(counts(policy, events, 600))
    with without():
        assert list(counts(policy, events, 600)) == scanned


def test_what_another_file_says_of_copies_makes_no_duplicates() -> None:
    """A request and its copy were one item for m0, as the file of m1 has a pattern that m0's version fits too."""
    own = POLICY.replace('horizon = "0s"', 'horizon = "10m"')
    files = {"a": 'models = ["m0"]\n' + own, "b": 'models = ["m1"]\n' + own + table("release", mirrored=["v*"])}
    context: dict[str, Any] = {"request_id": "r", "ts": START_MS, "version": "v1"}
    items = [{**context, "model": model, **copy} for model in ("m0", "m1") for copy in ({}, {"mirrored": True})]
    for stream, more in (("events", {}), ("feedback", {"kind": "judge", "name": "x", "value": 4, "source": "s"})):
        taken = Partition("p", cast(Stream, stream), ("p",), parse_teams(files)).take(
            received([json.dumps({**item, **more}).encode() for item in items])
        )
        assert (taken.items, taken.duplicates) == (3, 1)


def test_twenty_files_that_differ_in_limits_are_counted_at_once() -> None:
    assert [len(group.teams) for group in alike(policies()[1])] == [TEAMS]
