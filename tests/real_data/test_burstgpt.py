"""SQL on a replay of ten hours of BurstGPT finds exactly the requests that failed.

Wang et al. (2025), "BurstGPT: a real-world workload dataset to optimize LLM serving systems", KDD: a request
without response tokens failed. Of the first 400 requests, 17 did: 14 of 320 to ChatGPT and 3 of 80 to GPT-4.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.real_data.data import read_csv
from tests.real_data.replayed import Item, Replayed, replayed

pytestmark = pytest.mark.real_data

NAME = "traffic_burstgpt1_first400.csv"
START = datetime(2023, 11, 1, tzinfo=UTC)  # The file counts seconds from a start that it does not tell.
FAILURES = [("ChatGPT", 14, 320), ("GPT-4", 3, 80)]


def _event(number: int, row: dict[str, str]) -> Item:
    return {
        "request_id": f"burst/{number}",
        "ts": int((START.timestamp() + int(row["Timestamp"])) * 1000),
        "model": row["Model"],
        "version": "1",
        "slices": {"log": row["Log Type"]},
        "error_type": None if int(row["Response tokens"]) else "no_response",
        "input_tokens": int(row["Request tokens"]),
        "output_tokens": int(row["Response tokens"]),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    events = [_event(number, row) for number, row in enumerate(read_csv(NAME))]
    with replayed(tmp_path_factory.mktemp("burstgpt"), "traffic.toml", {"requests": events}) as store:
        yield store


@pytest.mark.parametrize(("model", "failed", "asked"), FAILURES)
def test_failures_are_counted_exactly(store: Replayed, model: str, failed: int, asked: int) -> None:
    (errors,) = store.ask("errors_by_type", {"model": model})
    assert (errors["error_type"], errors["errors"], errors["requests"]) == ("no_response", failed, asked)
    (ratio,) = store.ask("success_ratio", {"model": model, "sli": "availability"})
    assert (ratio["good"], ratio["bad"], ratio["neither"]) == (asked - failed, failed, 0)
    windows = store.rows(
        "SELECT sum(good) AS good, sum(bad) AS bad FROM sli_window_latest "
        "WHERE sli = 'availability' AND slice = '*' AND model = {model:String}",
        {"model": model},
    )
    assert windows == [{"good": asked - failed, "bad": failed}]


@pytest.mark.parametrize("model", [model for model, *_ in FAILURES])
def test_token_sums_are_exact(store: Replayed, model: str) -> None:
    (row,) = store.ask("cost", {"model": model})
    requests = [request for request in read_csv(NAME) if request["Model"] == model]
    assert row["input_tokens"] == sum(int(request["Request tokens"]) for request in requests)
    assert row["output_tokens"] == sum(int(request["Response tokens"]) for request in requests)
