"""LLMDrift as events and feedback: four model versions, each asked 1,000 times whether a number is prime.

Chen, Zaharia, Zou (2023), "How is ChatGPT's behavior changing over time?", arXiv 2307.09009.
"""

from collections import Counter
from datetime import UTC, datetime

from tests.real_data.data import read_csv
from tests.real_data.replayed import Item

START = datetime(2023, 7, 16, 12, tzinfo=UTC)
STEP_MS = 3_600  # 1,000 requests an hour and version: the data tell the order of requests, not their times.
ROWS = "llmdrift_prime.csv.gz"


def requests() -> list[Item]:
    """Return the events in the order of the file, at the time each was asked."""
    asked: Counter[str] = Counter()
    events = []
    for row in read_csv(ROWS):
        name = row["model"].removeprefix("openaichat/")
        model, _, version = name.rpartition("-")
        events.append(
            {
                "request_id": f"{name}/{asked[name]}",
                "ts": int(START.timestamp() * 1000) + asked[name] * STEP_MS,
                "model": model,
                "version": version,
                "slices": {"dataset": row["dataset"], "ref_answer": row["ref_answer"]},
                "latency_ms": float(row["latency"]) * 1000,
                "cost_usd": float(row["cost"]),
                "output_tokens": int(row["answer_token"]),
            }
        )
        asked[name] += 1
    return events


def scores() -> list[Item]:
    """Return the score of every answer, with the context of its request."""
    return [
        {
            **{name: event[name] for name in ("request_id", "ts", "model", "version", "slices")},
            "kind": "judge",
            "source": "exact match",
            "value": int(row["score"]),
            "request_ts": event["ts"],
        }
        for event, row in zip(requests(), read_csv(ROWS), strict=True)
    ]
