"""SQL on a replay of an hour of Azure's chat traffic gives its totals and medians.

AzurePublicDataset, AzureLLMInferenceTrace_conv.csv; Patel et al. (2024), "Splitwise: efficient generative LLM
inference using phase splitting", ISCA: medians of 1020 tokens in and 129 out.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.real_data.data import read_csv
from tests.real_data.oracle import LEVELS, assert_within_bound, oracle
from tests.real_data.replayed import Item, Replayed, replayed

pytestmark = pytest.mark.real_data

NAME = "traffic_azure_llm_2023_conv.csv.gz"
SERIES = ("azure-llm", "conv-2023")


def _event(number: int, row: dict[str, str]) -> Item:
    """Return a request with its time as the file has it, to 100 ns."""
    return {
        "request_id": f"conv/{number}",
        "ts": row["TIMESTAMP"].replace(" ", "T") + "Z",
        "model": SERIES[0],
        "version": SERIES[1],
        "input_tokens": int(row["ContextTokens"]),
        "output_tokens": int(row["GeneratedTokens"]),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    events = [_event(number, row) for number, row in enumerate(read_csv(NAME))]
    with replayed(tmp_path_factory.mktemp("azure"), "traffic.toml", {"conv": events}) as store:
        yield store


def test_totals_are_exact(store: Replayed) -> None:
    (row,) = store.ask("cost", {"model": SERIES[0]})
    rows = read_csv(NAME)
    assert row["requests"] == row["successes"] == 19_366
    assert row["input_tokens"] == sum(int(request["ContextTokens"]) for request in rows)
    assert row["output_tokens"] == sum(int(request["GeneratedTokens"]) for request in rows)
    assert store.summary["late"] == 0
    assert store.summary["rejects"] == {}


@pytest.mark.parametrize(("measure", "median"), [("input_tokens", 1_020), ("output_tokens", 129)])
def test_medians_are_the_published_ones(store: Replayed, measure: str, median: int) -> None:
    assert store.quantiles(measure, [0.5])[SERIES] == pytest.approx([median], rel=0.01)
    (row,) = store.ask("measure_quantiles", {"model": SERIES[0], "measure": measure})
    assert (row["n"], row["p50"]) == (19_366, pytest.approx(median, rel=0.01))


def test_every_request_lies_in_the_pane_of_its_time(store: Replayed) -> None:
    """The times have seven digits after the second; the seventh must not move a request to another pane."""
    panes: dict[datetime, int] = {}
    for request in read_csv(NAME):
        time = datetime.fromisoformat(request["TIMESTAMP"][:19])
        pane = time - timedelta(seconds=time.second % 10)
        panes[pane] = panes.get(pane, 0) + 1
    stored = store.rows("SELECT pane_start, sum(n) AS n FROM outcome_pane_latest GROUP BY pane_start")
    assert {row["pane_start"]: row["n"] for row in stored} == panes


def test_quantiles_keep_the_bound_of_the_sketch(store: Replayed) -> None:
    assert_within_bound(oracle("azure conv ")["GeneratedTokens"], store.quantiles("output_tokens", LEVELS)[SERIES])
