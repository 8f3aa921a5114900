"""Seeded logs that hold everything the monitor has to tell apart, and the policies to read them with."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any

import numpy as np

from operators.ingest.messages import Messages
from tests.oracle import Log
from tests.policies import base, sli, table

START_MS = 1_760_000_003_700  # 2025-10-09, in the middle of a pane.
STARTED_MS = START_MS + 10 * 3_600_000  # When the run began.


def received(values: Sequence[bytes], first: int = 1, received_ms: int | None = None) -> Messages:
    """Return messages that stand from position `first` on, all received at one time, by default when the run began."""
    at = STARTED_MS if received_ms is None else received_ms
    return Messages(values=values, positions=range(first, first + len(values)), received_ms=np.full(len(values), at))


POLICY = (
    base(
        "region",
        "segment",
        late_horizon="10m",
        future_tolerance="1m",
        crosses=[["segment", "region"]],
        tumbling=["30s"],
        sliding=[("1m", "10s"), ("2m", "1m")],
        measures=[
            "latency_ms",
            "ttft_ms",
            "cost_usd",
            "input_tokens",
            "score",
            "metrics.gpu-util",
            "feedback.judge",
        ],
    )
    + sli("availability", "no_error", ignore=["client_cancelled"])
    + sli("fast", "at_most", field="latency_ms", limit=150.5)
    + sli("warm", "at_least", field="metrics.gpu-util", limit=-10, ignore=["timeout"])
    + sli("polite", "flag_absent", flags=["toxic", "refused"])
    + sli("correct", "label_matches")
    + sli("quality", "at_least", field="feedback.judge", limit=4)
    + table("dedup", horizon="0s")
    + table("dead_letters", share_max=1.0)
)


# Time follows every event: for logs of a few events that are about something else.
FOLLOWS_ALL = POLICY.replace("[time]", "[time]\noutliers = 0")


def event(random: Random, ts: int, models: int = 3) -> dict[str, Any]:
    """One event at `ts`; nearly every field may be missing, null or odd."""
    error = random.choices([None, "", "timeout", "client_cancelled", "500"], [80, 4, 6, 4, 6])[0]
    body: dict[str, Any] = {
        "request_id": f"r{random.getrandbits(48)}",
        "ts": when(random, ts),
        "model": f"m{random.randrange(models)}",
        "version": random.choice(["v1", "v2", "v10"]),
        "error_type": error,
    }
    if random.random() < 0.9:
        body["slices"] = {"region": random.choice(["eu", "us", "a,b=c\\d"]), "unused": "x"}
        if random.random() < 0.8:
            body["slices"]["segment"] = random.choice(["pro", "free", "*", ""])
    optional: dict[str, tuple[float, Any]] = {
        "latency_ms": (0.95, 0 if error else round(random.lognormvariate(4, 1.5), 3)),
        "ttft_ms": (0.5, random.choice([0, 12, 0.5, 1e-7, round(random.expovariate(0.01), 6)])),
        "cost_usd": (0.7, random.choice([0.0, 1e-9, 0.000123456, 12.5, round(random.random(), 9)])),
        "input_tokens": (0.7, random.choice([0, 1, 17, 10**12, random.randrange(10_000)])),
        "score": (0.5, random.choice([-1.5, 0, -0.0, 0.25, round(random.gauss(0, 1), 6)])),
        "metrics": (0.5, {"gpu-util": round(random.uniform(-50, 100), 2), "other": 1}),
        "flags": (0.3, random.sample(["toxic", "refused", "truncated"], random.randrange(3))),
        "embedding": (0.1, [0.5, -1e-3]),
        "input": (0.1, "hello"),
        "output": (0.1, {"any": ["thing"]}),
        "unknown_field": (0.1, [{}]),
    }
    body |= {name: value for name, (share, value) in optional.items() if random.random() < share}
    return body


def feedback(random: Random, ts: int, models: int = 3) -> dict[str, Any]:
    """One feedback at `ts`, sometimes without the context it needs."""
    body: dict[str, Any] = {
        "request_id": f"r{random.getrandbits(48)}",
        "ts": when(random, ts),
        "kind": random.choice(["label", "judge", "judge", "thumbs"]),
        "value": random.choice([1, 4, 5, 3.5, True, False, "1", "yes", "true", None]),
        "prediction": random.choice([1, 1.0, "yes", "true", "no", None]),
        "model": f"m{random.randrange(models)}",
        "version": random.choice(["v1", "v2"]),
        "slices": {"region": random.choice(["eu", "us"])},
    }
    if random.random() < 0.05:
        body.pop(random.choice(["model", "version"]))
    return body


def when(random: Random, ts: int) -> int | str:
    """A time as one of its two types, in any offset."""
    if random.random() < 0.8:
        return ts
    zone = timezone(timedelta(minutes=random.choice([0, 330, -480])))
    moment = datetime.fromtimestamp(ts // 1_000, UTC) + timedelta(milliseconds=ts % 1_000)
    return moment.astimezone(zone).isoformat(timespec="milliseconds")


def log(
    name: str,
    random: Random,
    count: int,
    *,
    stream: str = "events",
    spacing_ms: int = 100,
    start_ms: int = START_MS,
    oddities: bool = True,
    models: int = 3,
) -> Log:
    """`count` items some `spacing_ms` apart, out of order within and beyond the disorder, packed in all three ways."""
    make = event if stream == "events" else feedback
    ts, items = start_ms, []
    for _ in range(count):
        ts += round(random.expovariate(1 / spacing_ms))
        if random.random() < 0.002:
            ts += 100_000  # A gap.
        lag = random.choices([0, random.randrange(5_001), random.randrange(600_000), 700_000], [70, 25, 4, 1])[0]
        odd = random.random() if oddities else 1.0
        if odd < 0.003:
            items.append(make(random, ts) | {"ts": random.choice(["1999-12-31T23:59:59Z", "2100-01-01T00:00:00.001Z"])})
        elif odd < 0.006:
            items.append(make(random, STARTED_MS + 60_001 + random.randrange(1_000_000)))
        else:
            items.append(make(random, ts - lag, models))
    return Log(name, stream, packed(random, items))


def packed(random: Random, items: list[dict[str, Any]]) -> list[bytes]:
    """Items as messages: single objects, arrays, lines, and now and then nothing."""
    messages, at = [], 0
    while at < len(items):
        some = items[at : at + random.choice([1, 1, 1, 2, 5])]
        at += len(some)
        texts = [json.dumps(item, ensure_ascii=random.random() < 0.5) for item in some]
        if len(some) == 1 and random.random() < 0.9:
            messages.append(texts[0].encode())
        elif random.random() < 0.5:
            messages.append(f"[{', '.join(texts)}]".encode())
        else:
            messages.append(("\r\n".join(texts) + "\n").encode())
        if random.random() < 0.02:
            messages.append(random.choice([b"", b"  \r\n", b"[]"]))
    return messages
