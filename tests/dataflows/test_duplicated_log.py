"""A log whose producers send everything again and again is the log that they would have written once.

So are crashes: what must be known of a duplicate's first copy is read again from the log.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest

from operators.policy.dedup import Dedup
from operators.policy_file.toml import parse
from tests.dataflows.making import POLICY, STARTED_MS, log
from tests.dataflows.running import Ran, exact, run_flow, tables_of
from tests.dataflows.test_control_determinism import POLICY as JUDGED
from tests.dataflows.test_control_determinism import logs as released
from tests.dataflows.test_control_determinism import said
from tests.dataflows.test_recovery import run_through_crashes
from tests.oracle import Log

OFF = parse(POLICY)
JUDGING = msgspec.structs.replace(JUDGED, dedup=Dedup())
RULES, SHORT = (parse(POLICY.replace('horizon = "0s"', f'horizon = "{horizon}"')) for horizon in ("10m", "15s"))


def resent(each: Log, random: Random, times: int) -> Log:
    """The same log, some messages at once sent again up to so many times, as a producer does that hears no answer."""
    messages: list[bytes] = []
    at = 0
    while at < len(each.messages):
        some = each.messages[at : at + random.randrange(1, 30)]
        messages += list(some) * times
        at += len(some)
    return Log(each.name, each.stream, messages)


def counted(ran: Ran) -> list[str]:
    """All rows but those of what was refused, which is refused each time, and of the policy, which is another."""
    tables = {name: rows for name, rows in ran.tables.items() if name not in ("dead_letter", "policy")}
    return exact({name: [row | {"policy": ""} for row in rows] for name, rows in tables.items()})


def duplicates(ran: Ran) -> int:
    return sum(batch.duplicates for _, batch in ran.batches)


@pytest.mark.parametrize("times", [2, 5])
def test_a_log_sent_several_times_is_the_log_sent_once(times: int) -> None:
    random = Random(times)
    logs = [log("events", random, 800), log("feedback", random, 160, stream="feedback", spacing_ms=500)]
    once = run_flow(RULES, logs, STARTED_MS)
    copies = [resent(each, random, times) for each in logs]
    again = run_flow(RULES, copies, STARTED_MS, sizes=lambda: random.randint(1, 400))
    assert counted(once) == counted(run_flow(OFF, logs, STARTED_MS)), "nothing is dropped that came once"
    assert counted(again) == counted(once)
    assert again.items == once.items
    assert duplicates(again) == (times - 1) * (once.items + too_late(once))


def too_late(ran: Ran) -> int:
    return sum(row["reason"] == "too_late" for row in ran.tables["dead_letter"])


def test_what_is_said_of_a_release_does_not_depend_on_how_often_events_are_sent() -> None:
    """Five copies of each event once made an A/A test look five times as sure, and ended in a rollback."""
    logs = released(3)
    once = run_flow(JUDGING, logs, STARTED_MS)
    copies = [resent(each, Random(3), 5) if each.stream == "events" else each for each in logs]
    five = run_flow(JUDGING, copies, STARTED_MS)
    assert once.control
    assert said(five.control) == said(once.control)
    assert counted(five) == counted(once)


@pytest.mark.parametrize("seed", range(2))
def test_crashes_within_the_horizon_do_not_show(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    logs: Sequence[Log] = [
        resent(log("events", random, 600), random, 2),
        resent(log("feedback", random, 150, stream="feedback", spacing_ms=300), random, 3),
    ]
    wanted = run_flow(SHORT, logs, STARTED_MS)
    assert duplicates(wanted) > 500
    runs = run_through_crashes(SHORT, logs, tmp_path, lambda: (random.randint(8, 24), random.randint(15, 40)))
    assert len(runs) > 3
    written = [rows for run in runs for rows in run.rows]
    # Feedback that comes again after the horizon is the same row.
    assert sorted(set(exact(tables_of(written)))) == sorted(set(exact(wanted.tables)))
