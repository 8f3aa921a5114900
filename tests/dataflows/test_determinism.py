"""The same logs give the same rows, bit by bit, and those of the oracle: whatever the batches and the interleaving."""

from functools import cache
from random import Random

import pytest

from operators.policy_file.toml import parse
from tests.dataflows.agreeing import check
from tests.dataflows.making import POLICY, STARTED_MS, log
from tests.dataflows.running import Ran, exact, run_flow, run_pure
from tests.oracle import Log, answer


def logs_of(seed: int, count: int = 700) -> list[Log]:
    """Three partitions of events, one of them a hundred times as sparse, and one of feedback."""
    random = Random(seed)
    return [
        log("dense", random, count),
        log("late-starter", random, count // 2, start_ms=1_760_000_030_000),
        log("sparse", random, max(count // 100, 1), spacing_ms=10_000),
        log("feedback", random, count // 3, stream="feedback", spacing_ms=300),
    ]


def run(logs: list[Log], size: int) -> Ran:
    return run_flow(parse(POLICY), logs, STARTED_MS, sizes=lambda: size)


@pytest.mark.parametrize("seed", range(3))
def test_the_dataflow_writes_what_the_oracle_says(seed: int) -> None:
    logs = logs_of(seed)
    ran = run(logs, 97)
    wanted = answer(POLICY, logs, STARTED_MS)
    check(ran.tables, wanted, POLICY)
    assert ran.items == len(wanted.items)
    assert sum(item.late for item in wanted.items) > 25
    assert {reason for *_, reason in wanted.rejects} == {
        "absurd_timestamp",
        "future_timestamp",
        "too_late",
        "no_context",
    }


def test_batch_sizes_do_not_show_in_the_rows() -> None:
    logs = logs_of(10, count=400)
    wanted = exact(run(logs, 1).tables)
    for size in (7, 333, 1_000_000):
        assert exact(run(logs, size).tables) == wanted, size


def test_the_order_of_partitions_does_not_show_in_the_rows() -> None:
    logs = logs_of(11, count=400)
    wanted = exact(run(logs, 100).tables)
    random = Random(0)
    for ahead in ("dense", "sparse", "feedback", None):
        ran = run_flow(
            parse(POLICY),
            random.sample(logs, len(logs)),
            STARTED_MS,
            sizes=lambda: random.randint(1, 300),
            pauses=lambda name, ahead=ahead: random.choice([0, 0, 20]) if name != ahead else 0,  # type: ignore[misc]
        )
        assert exact(ran.tables) == wanted, ahead


@cache
def in_order() -> tuple[list[Log], list[str]]:
    """Logs, and the rows of a run of them."""
    logs = logs_of(12, count=400)
    return logs, exact(run(logs, 100).tables)


@pytest.mark.parametrize("seed", range(6))
def test_any_interleaving_of_any_batches_gives_the_same_rows(seed: int) -> None:
    """Without the engine, where one partition may also end before another has begun."""
    logs, wanted = in_order()
    assert exact(run_pure(parse(POLICY), logs, STARTED_MS, Random(seed), 1 + 7**seed % 300)) == wanted
