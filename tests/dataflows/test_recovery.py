"""Crashes and restarts do not show: what was written before and after them is, row by row, what one run writes."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import msgspec
import pytest
from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import TestingSink, run_main

from flows import monitor
from flows.kafka_inputs import left_out_inputs
from flows.recovery.contents import check_contents
from flows.recovery.parts import parts_of
from flows.recovery.saved import EVALUATION, PANES, states_of
from operators.connectors.stop import Stop
from operators.handing_over import coming
from operators.ingest.messages import Messages
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.sources.input import Input, InputWatch
from operators.sources.monitor import MonitorSource
from operators.store.rows import Rows
from operators.wire.control import ControlEvent
from tests.dataflows.making import POLICY, STARTED_MS, log
from tests.dataflows.running import MemoryReader, exact, run_flow, tables_of
from tests.oracle import Log

RULES = parse(POLICY)


class Crash(Exception):
    """What a kill is to the engine: the epoch under way does not count."""


class CrashingReader(MemoryReader):
    """Crashes the worker instead of reading, once `fuel` reads of all readers of a run are used up."""

    fuel: ClassVar = [0]

    def read(self) -> Messages | None:
        if self.fuel[0] <= 0:
            raise Crash
        self.fuel[0] -= 1
        return super().read()


class Written(msgspec.Struct, kw_only=True):
    """What was written before a crash, and whether the logs ended before it."""

    rows: list[Rows]
    control: list[ControlEvent]
    ended: bool


def run_until_crash(
    policy: Policy, logs: Sequence[Log], store: Path, reads: int, size: int, left_out: Sequence[str] = ()
) -> Written:
    """Run until a crash after so many reads, or to the end; logs that are `left_out` were read before."""
    CrashingReader.fuel[0] = reads

    def opener(each: Log) -> Callable[[int | None], MemoryReader]:
        return lambda position: CrashingReader(each, STARTED_MS, lambda: size, lambda: 0, position)

    inputs = [Input(name=each.name, stream=each.stream, open=opener(each)) for each in logs]  # type: ignore[arg-type]
    inputs += left_out_inputs(dict.fromkeys(left_out, ""))
    source = MonitorSource(inputs, policy, stop=Stop(), watch=InputWatch(), recover=True)
    rows: list[tuple[str, Rows]] = []
    control: list[tuple[str, ControlEvent]] = []
    others = coming(policy, states_of(parts_of(store), EVALUATION), states_of(parts_of(store), PANES))
    flow = monitor.build(
        policy, source, TestingSink(rows), TestingSink([]), TestingSink(control), recover=True, coming=others
    )
    ended = True
    recovery = RecoveryConfig(str(store), backup_interval=timedelta(0))  # type: ignore[no-untyped-call]
    try:
        run_main(flow, epoch_interval=timedelta(0), recovery_config=recovery)  # type: ignore[no-untyped-call]
    except BytewaxRuntimeError as error:
        if not isinstance(error.__cause__, Crash):
            raise
        ended = False
    return Written(rows=[some for _, some in rows], control=[event for _, event in control], ended=ended)


def run_through_crashes(
    policy: Policy, logs: Sequence[Log], store: Path, fuel: Callable[[], tuple[int, int]]
) -> list[Written]:
    """Run to the end, going on after each crash; `fuel` draws the reads until the next one, and the size of batches."""
    init_db_dir(store, 1)  # type: ignore[no-untyped-call]
    runs = [run_until_crash(policy, logs, store, *fuel())]
    while not runs[-1].ended:
        check_contents(parts_of(store))
        runs.append(run_until_crash(policy, logs, store, *fuel()))
    return runs


@pytest.mark.parametrize("seed", range(4))
def test_crashes_do_not_show_in_the_rows(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    logs = [
        log("dense", random, 1_200),
        log("sparse", random, 48, spacing_ms=5_000),
        log("feedback", random, 360, stream="feedback", spacing_ms=300),
    ]
    wanted = exact(run_flow(RULES, logs, STARTED_MS, sizes=lambda: 20).tables)
    runs = run_through_crashes(RULES, logs, tmp_path, lambda: (random.randint(1, 14), random.randint(5, 40)))
    written = [rows for run in runs for rows in run.rows]
    assert len(runs) > 4
    # What an epoch wrote that did not count is written again: the same rows, which replace themselves.
    assert sorted(set(exact(tables_of(written)))) == sorted(set(wanted))


def test_a_log_that_is_left_out_holds_nobody_up_and_goes_on_once_it_is_read_again(tmp_path: Path) -> None:
    """Nobody could leave a topic out but with a new recovery folder, in which all others began anew."""
    random = Random(5)
    logs = [log(name, random, 200, spacing_ms=700, models=2) for name in ("a/0", "b/0", "c/0")]
    init_db_dir(tmp_path, 1)  # type: ignore[no-untyped-call]
    runs = [
        run_until_crash(RULES, logs, tmp_path, 9, 20),
        run_until_crash(RULES, logs[:2], tmp_path, 10_000, 20, left_out=["c/0"]),
        run_until_crash(RULES, logs, tmp_path, 10_000, 20),
    ]
    assert [run.ended for run in runs] == [False, True, True]
    first, second, third = (tables_of(run.rows)["sli_pane"] for run in runs)
    assert len(second) > len(first)
    assert third
    assert sum(map(counted, (first, second, third))) == counted(run_flow(RULES, logs, STARTED_MS).tables["sli_pane"])


def counted(rows: list[dict[str, Any]]) -> int:
    return sum(row["good"] + row["bad"] for row in rows if row["sli"] == "availability")
