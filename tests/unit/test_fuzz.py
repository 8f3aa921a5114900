"""Bad input is a dead letter with a reason, never the end of the worker, and never lost: the sum is exact."""

import os
from random import Random

import pytest

from operators.connectors.clickhouse.arrow import to_arrow
from operators.ingest.partition import Partition
from operators.policy_file.toml import parse
from operators.rows.items import dead_letter_rows, feedback_rows
from operators.rows.panes import pane_rows, stored_rows
from operators.window.packing import pack, unpack
from operators.window.pane_items import Closed
from operators.window.panes import Panes
from operators.window.partial import Partial, feature_rows
from tests.dataflows.making import POLICY, received
from tests.monitored import FILES, MONITORS
from tests.unit.mutating import OVERSIZED, mutant

PROVE = os.environ.get("ROLLGUARD_PROVE") == "1"
MESSAGES = 1_000_000 if PROVE else 30_000
BATCH = 1_000
REASONS = {
    "bad_json", "bad_utf8", "wrong_type", "missing_field", "out_of_range", "too_large", "absurd_timestamp",
    "future_timestamp", "too_late", "no_context", "wrong_topic",
}  # fmt: skip
RULES = parse(POLICY.replace("share_max = 1.0", f"share_max = 1.0\nmessage_bytes_max = {OVERSIZED}") + MONITORS, FILES)


@pytest.mark.parametrize("stream", ["events", "feedback"])
def test_every_mutated_message_is_counted_or_a_dead_letter(stream: str) -> None:
    """Counted exactly, each dead letter once with a known reason, and all of it fits the tables."""
    random = Random(20_251_009)
    total = MESSAGES if stream == "events" else MESSAGES // 20
    partition = Partition("p", "events" if stream == "events" else "feedback", ("p",), RULES)
    panes = Panes(RULES)
    counted = refused = summed = binned = 0
    for first in range(1, total, BATCH):
        mutants = [mutant(random) for _ in range(BATCH)]
        messages = [message for message, _ in mutants]
        batch = partition.take(received(messages, first))
        wanted = sum(1 if len(message) > OVERSIZED else items for message, items in mutants)
        assert batch.items + len(batch.rejects) == wanted, _culprit(mutants, stream)
        assert {reject.reason for reject in batch.rejects} <= REASONS
        assert all(reject.value and reject.detail for reject in batch.rejects)
        places = {(reject.position, reject.item) for reject in batch.rejects}
        assert len(places) == len(batch.rejects)
        assert all(first <= position < first + BATCH for position, _ in places)
        counted += batch.items
        refused += len(batch.rejects)
        to_arrow(dead_letter_rows(batch.rejects, "p", RULES))
        to_arrow(feedback_rows(batch.feedback, RULES))
        for shard, item in batch.inputs:
            summed += sum(int(partial.events.sum()) for _, partial in item.partials)
            binned += sum(_binned(partial, stream) for _, partial in item.partials)
            if shard == 0:
                for closed in panes.push(item):
                    assert isinstance(closed, Closed)
                    stored = [] if closed.on_time is None else stored_rows(closed.on_time, RULES)
                    for rows in (*pane_rows(closed, RULES), *stored):
                        to_arrow(rows)
    assert summed == counted
    assert stream == "feedback" or binned == counted, "each event is in one bin of a feature, whatever it holds"
    assert min(counted, refused) > total // 20


def _binned(partial: Partial, stream: str) -> int:
    """How many items are in a bin of the first watched field of a stream; all that is kept survives packing."""
    _, bins, counts = feature_rows(partial)
    assert all(offender.time >= 0 and len(offender.value) <= 128 for _, offender in partial.offenders)
    assert (unpack(pack(partial)).features == partial.features).all()
    first = next(each for each in RULES.watched if each.on_feedback == (stream == "feedback"))
    return int(counts[(bins >= first.offset) & (bins < first.offset + first.bins)].sum())


def _culprit(mutants: list[tuple[bytes, int]], stream: str) -> str:
    """Find the message that is counted wrong."""
    for message, items in mutants:
        partition = Partition("p", "events" if stream == "events" else "feedback", ("p",), RULES)
        batch = partition.take(received([message], 1))
        if batch.items + len(batch.rejects) != (1 if len(message) > OVERSIZED else items):
            return f"{items} items wanted, {batch.items} counted, refused {batch.rejects}: {message[:2_000]!r}"
    return "none of them alone"


def test_batches_do_not_show_in_the_dead_letters() -> None:
    """A message is decoded by another way beside bad ones than beside good ones; its rejects are the same."""
    random = Random(7)
    messages = [mutant(random)[0] for _ in range(3_000 if PROVE else 500)]
    found = []
    for size in (1, 7, len(messages)):
        partition = Partition("p", "events", ("p",), RULES)
        rejects = []
        for first in range(0, len(messages), size):
            rejects += partition.take(received(messages[first : first + size], first + 1)).rejects
        found.append(rejects)
    assert found[0] == found[1] == found[2]
