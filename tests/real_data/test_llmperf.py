"""SQL on a replay of the llmperf leaderboard gives the error rates and quantiles that it published per provider.

ray-project/llmperf-leaderboard, the 70b summaries of eight providers, here llmperf_70b_published_summary.json.
"""

from ast import literal_eval
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.real_data.data import read_csv, read_json
from tests.real_data.oracle import LEVELS, assert_within_bound, oracle
from tests.real_data.replayed import Item, Replayed, replayed

pytestmark = pytest.mark.real_data

START = datetime(2023, 12, 19, 12, tzinfo=UTC)
MODEL = "70b"
PROVIDERS = ("anyscale", "bedrock", "fireworks", "groq", "lepton", "perplexity", "replicate", "together")
MEASURES = {"latency_ms": "end_to_end_latency_s", "ttft_ms": "ttft_s"}
PERCENTILES = {0.25: "p25", 0.5: "p50", 0.75: "p75", 0.9: "p90", 0.95: "p95", 0.99: "p99"}


def _event(row: dict[str, str]) -> Item:
    """Return a request as it stands in the file: with the latency of zero that most failed ones carry."""
    code = row["error_code"]
    return {
        "request_id": f"{row['provider']}/{row['seq']}",
        "ts": int(START.timestamp() * 1000) + int(row["seq"]) * 1000,  # Order is known, time is not.
        "model": row["model_size"],
        "version": row["provider"],
        "slices": {"completed": "no" if code else "yes"},
        "error_type": str(int(float(code))) if code else None,
        "latency_ms": float(row["end_to_end_latency_s"]) * 1000,
        "ttft_ms": float(row["ttft_s"]) * 1000,
        "input_tokens": int(float(row["number_input_tokens"])),
        "output_tokens": int(float(row["number_output_tokens"])),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    """One file per provider: each is a partition."""
    events: dict[str, list[Item]] = {provider: [] for provider in PROVIDERS}
    for row in read_csv("llmperf_70b_requests.csv.gz"):
        events[row["provider"]].append(_event(row))
    with replayed(tmp_path_factory.mktemp("llmperf"), "llmperf.toml", events) as store:
        yield store


def _published(provider: str) -> dict[str, Any]:
    published: dict[str, Any] = read_json("llmperf_70b_published_summary.json")[f"{provider}_70b"]
    return published


def _completed(store: Replayed, measure: str) -> dict[str, dict[str, Any]]:
    rows = store.ask("measure_quantiles", {"model": MODEL, "measure": measure, "by": ["completed"]})
    return {row["version"]: row for row in rows if row["slice"] == ["yes"]}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_error_rates_and_codes_are_the_published_ones(store: Replayed, provider: str) -> None:
    wanted = _published(provider)
    rows = {row["version"]: row for row in store.ask("success_ratio", {"model": MODEL, "sli": "availability"})}
    good, bad = rows[provider]["good"], rows[provider]["bad"]
    assert good == wanted["results_num_completed_requests"]
    assert bad == wanted["results_number_errors"]
    assert good + bad == wanted["results_num_requests_started"]
    assert bad / (good + bad) == wanted["results_error_rate"]
    errors = [row for row in store.ask("errors_by_type", {"model": MODEL}) if row["version"] == provider]
    codes = literal_eval(wanted["results_error_code_frequency"])
    assert {float(row["error_type"]): row["errors"] for row in errors} == codes
    assert sum(row["share"] for row in errors) == wanted["results_error_rate"]


@pytest.mark.parametrize("measure", MEASURES)
def test_quantiles_of_merged_panes_are_the_published_ones(store: Replayed, measure: str) -> None:
    """Within 1 %, though they are of only 20 to 150 requests: both interpolate linearly between neighbours."""
    measured = store.quantiles(measure, list(PERCENTILES), by=["completed"])
    for provider in PROVIDERS:
        published = _published(provider)
        wanted = [published[f"results_{MEASURES[measure]}_quantiles_{name}"] * 1000 for name in PERCENTILES.values()]
        assert measured[MODEL, provider, "yes"] == pytest.approx(wanted, rel=0.01), provider


@pytest.mark.parametrize("measure", MEASURES)
def test_quantiles_of_windows_are_the_published_ones(store: Replayed, measure: str) -> None:
    windows = store.rows(
        "SELECT version, p50, p90, p95, p99 FROM measure_window_latest "
        "WHERE measure = {measure:String} AND slice = 'completed=yes'",
        {"measure": measure},
    )
    assert sorted(row["version"] for row in windows) == list(PROVIDERS)
    for row in windows:
        published = _published(row["version"])
        for name in ("p50", "p90", "p95", "p99"):
            wanted = published[f"results_{MEASURES[measure]}_quantiles_{name}"] * 1000
            assert row[name] == pytest.approx(wanted, rel=0.01), (row["version"], name)


@pytest.mark.parametrize("measure", MEASURES)
def test_quantiles_of_the_query_file_are_the_published_ones(store: Replayed, measure: str) -> None:
    """The nearest rank instead would be off by 5 % at the p99 of replicate's time to first token."""
    for provider, row in _completed(store, measure).items():
        published = _published(provider)
        for name in ("p50", "p90", "p95", "p99"):
            wanted = published[f"results_{MEASURES[measure]}_quantiles_{name}"] * 1000
            assert row[name] == pytest.approx(wanted, rel=0.01), (provider, name)


@pytest.mark.parametrize("measure", MEASURES)
def test_mean_and_extremes_are_the_published_ones(store: Replayed, measure: str) -> None:
    """Exact to the nanosecond that sums keep."""
    for provider, row in _completed(store, measure).items():
        published = _published(provider)
        for name in ("mean", "min", "max"):
            wanted = float(published[f"results_{MEASURES[measure]}_{name}"]) * 1000
            assert row[name] == pytest.approx(wanted, rel=1e-9), (provider, name)


def test_failed_requests_of_no_latency_do_not_enter_quantiles(store: Replayed) -> None:
    """The file gives a refused request (429) a latency and a time to first token of zero.

    Counted as zeros they would make the median of lepton, which refused 130 of 150 requests, zero: the worse
    the provider, the faster it would look. So quantiles of all traffic must be those of the completed requests.
    """
    for measure in MEASURES:
        completed = _completed(store, measure)
        rows = {row["version"]: row for row in store.ask("measure_quantiles", {"model": MODEL, "measure": measure})}
        for provider, n in (("lepton", 20), ("perplexity", 148)):
            assert rows[provider]["n"] == n
            assert rows[provider]["min"] > 0
            for name in ("mean", "min", "p50", "p90", "p95", "p99", "max"):
                assert rows[provider][name] == completed[provider][name]


def test_failed_requests_that_took_time_keep_their_latency(store: Replayed) -> None:
    """Bedrock's 49 failures (-100, too few tokens) ran for seconds: users waited, so all traffic counts them."""
    rows = {row["version"]: row for row in store.ask("measure_quantiles", {"model": MODEL, "measure": "latency_ms"})}
    assert rows["bedrock"]["n"] == 150
    assert _completed(store, "latency_ms")["bedrock"]["n"] == 101


def test_quantiles_keep_the_bound_of_the_sketch(store: Replayed) -> None:
    exact = oracle("llmperf 70b ttft_s ")
    assert tuple(exact) == PROVIDERS
    measured = store.quantiles("ttft_ms", LEVELS, by=["completed"])
    for provider, series in exact.items():
        assert_within_bound(series, [value / 1000 for value in measured[MODEL, provider, "yes"]])
