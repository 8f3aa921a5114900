"""How many requests enrich looks up a second, in a request log of two million, over HTTP; and what an item costs."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import numpy as np

from flows import policy_files, settings
from operators.connectors.clickhouse.client import open_clickhouse
from operators.connectors.clickhouse.migrations import migrate
from operators.connectors.clickhouse.request_lookup import RequestLookup
from operators.enrich.waiting import WaitingFeedback
from operators.ingest.messages import Messages
from tests.integration.clickhouse_bridge import Bridge

REQUESTS, DAYS = 2_000_000, 7
PART = 100_000  # Stored at once: a busy machine takes minutes for all of them.
START_MS = 1_763_000_000_000
# Of 20 models, in order of time; ids are 32 hexadecimal digits of chance.
FILL = f"""
INSERT INTO request (model, version, request_id, ts, dims, prediction, score, session_id, user_id, position, ver)
SELECT concat('m', toString(number % 20)), 'v1', lower(hex(sipHash128(number))),
  fromUnixTimestamp64Milli(toInt64({START_MS} + number * {DAYS * 86_400_000 // REQUESTS}), 'UTC'),
  map('region', ['eu', 'us'][number % 2 + 1], 'segment', 'pro'), 'spam', 0.5, hex(sipHash64(number % 1000)),
  hex(sipHash64(number % 5000)), number, 1000000000 - number
FROM numbers({{first}}, {PART})
"""  # noqa: S608


class Figures(msgspec.Struct, frozen=True):
    """Look-ups a second by how many are asked for at once, of any requests and of those of the last hour."""

    anywhere: dict[int, float]
    lately: dict[int, float]


def figures(sizes: Sequence[int] = (100, 1_000, 5_000)) -> Figures:
    """Ask for requests, joined with feedback as enrich does."""
    with tempfile.TemporaryDirectory() as folder:
        bridge = Bridge(Path(folder, "clickhouse"))
        bridge.start()
        try:
            url = bridge.url("rollguard")
            migrate(url, settings.migrations())
            client = open_clickhouse(url, answer_timeout_s=300)
            for first in range(0, REQUESTS, PART):
                client.command(FILL.format(first=first))
            last = REQUESTS // (DAYS * 24)
            anywhere, lately = ([row[0] for row in client.query(_ids(count)).result_rows] for count in (REQUESTS, last))
            client.close()
            return Figures(
                anywhere={size: _rate(url, anywhere, size) for size in sizes},
                lately={size: _rate(url, lately, size) for size in sizes},
            )
        finally:
            bridge.stop()


def _ids(among: int) -> str:
    """Ids of the last `among` requests, in any order."""
    return (
        f"SELECT lower(hex(sipHash128(toUInt64({REQUESTS - among} + (number * 7919) % {among})))) FROM numbers(10000)"  # noqa: S608
    )


def _rate(url: str, ids: Sequence[str], size: int) -> float:
    """Return how many a second are looked up, `size` at once, and completed; some of them unknown."""
    policy = policy_files.load_policy(settings.Settings().policy)
    lookup, random = RequestLookup(url, 60.0), Random(3)
    asked, began = 0, time.monotonic()
    try:
        while time.monotonic() - began < 5.0 or not asked:
            names = random.sample(ids, size - size // 50) + [f"nobody-{asked + number}" for number in range(size // 50)]
            values = [
                msgspec.json.encode({"request_id": name, "ts": START_MS, "kind": "thumbs", "value": 1})
                for name in names
            ]
            feedback = WaitingFeedback(policy)
            feedback.take(
                Messages(values=values, positions=range(size), received_ms=np.full(size, START_MS)), START_MS + 90_000
            )
            due = feedback.due(START_MS + 90_000, size)
            answers = lookup(due)
            assert answers is not None
            feedback.learned(due, answers, START_MS + 90_000)
            settled = feedback.settled()
            assert len(settled.complete) == size - size // 50
            assert len(settled.rejects) == size // 50
            asked += size
        return asked / (time.monotonic() - began)
    finally:
        lookup.close()
