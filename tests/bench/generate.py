"""Events for benchmarks, of about 330 bytes: seeded, two models in two versions, as many series as asked for."""

import itertools
import random
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

START_MS = 1_700_000_000_000
DISTINCT = 100_000


def lines(count: int, series: int, per_second: int, features: int = 0) -> list[bytes]:
    """Return `count` events in order of time over 36 or 3,600 series: models x versions x regions x segments.

    Of the `features` of each, every fourth is a category.
    """
    side = {36: 3, 3_600: 30}[series]
    regions = [f"region-{index}" for index in range(side)]
    segments = [f"s{index}" for index in range(side)]
    names = list(itertools.product(("checkout-llm", "search-llm"), ("v1", "v2"), regions, segments))
    rng, parts = parts_of(names, features)
    order = rng.choices(parts, k=count)
    return [
        b"%b%032x%b%d%b" % (head, rng.getrandbits(128), middle, START_MS + index * 1000 // per_second, tail)
        for index, (head, middle, tail) in enumerate(order)
    ]


def parts_of(
    names: Sequence[tuple[str, str, str, str]], features: int = 0, distinct: int = DISTINCT
) -> tuple[random.Random, list[list[bytes]]]:
    """Return events of these series without id and time, in three parts each, and what they were drawn with.

    Making an event takes longer than monitoring it, so each is used several times, with other ids and times.
    """
    rng = random.Random(7)
    encode = msgspec.json.Encoder().encode
    return rng, [
        re.split(b"ID|TS", encode(_event(rng, rng.choice(names)) | _features(rng, features))) for _ in range(distinct)
    ]


def _event(rng: random.Random, name: tuple[str, str, str, str]) -> dict[str, object]:
    model, version, region, segment = name
    return {
        "request_id": "ID",
        "ts": msgspec.Raw(b"TS"),
        "model": model,
        "version": version,
        "slices": {"region": region, "segment": segment},
        "error_type": "timeout" if rng.random() < 0.03 else None,
        "latency_ms": round(rng.lognormvariate(6, 1), 3),
        "ttft_ms": round(rng.lognormvariate(4, 1), 3),
        "input_tokens": rng.randrange(10, 3_000),
        "output_tokens": rng.randrange(10, 800),
        "cost_usd": round(rng.random() / 100, 9),
        "prompt_version": "p-17",
        "endpoint": "/v1/chat/completions",
    }


def _features(rng: random.Random, count: int) -> dict[str, object]:
    return {"features": {name: value(rng, index) for index, name in enumerate(named(count))}} if count else {}


def named(count: int) -> list[str]:
    return [f"feature_{index}" for index in range(count)]


def value(rng: random.Random, index: int) -> float | str:
    return rng.choice(("visa", "amex", "cash", "bank")) if index % 4 == 3 else round(rng.lognormvariate(3, 1), 2)


def write(path: Path, events: list[bytes]) -> None:
    path.write_bytes(b"\n".join(events) + b"\n")
