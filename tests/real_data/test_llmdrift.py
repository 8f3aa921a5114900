"""SQL on a replay of LLMDrift gives the scores that its authors published, and the costs and latencies of its files."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import numpy as np
import pytest

from tests.real_data.data import read_csv, read_json
from tests.real_data.llmdrift import ROWS, START, requests, scores
from tests.real_data.oracle import LEVELS, assert_within_bound, oracle
from tests.real_data.replayed import Replayed, Row, in_order, replayed

pytestmark = pytest.mark.real_data

VERSIONS = (("gpt-4", "0314"), ("gpt-4", "0613"), ("gpt-3.5-turbo", "0301"), ("gpt-3.5-turbo", "0613"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    folder = tmp_path_factory.mktemp("llmdrift")
    with replayed(folder, "llmdrift.toml", {"requests": in_order(requests())}, in_order(scores())) as store:
        yield store


def _of(rows: Sequence[Row], version: str, *slice_: str) -> Row:
    """Return the one row of a version and slice."""
    (row,) = [row for row in rows if row["version"] == version and row["slice"] == list(slice_)]
    return row


def _column(version: tuple[str, str], name: str, dataset: str = "") -> list[str]:
    """Return a column of the file as text, of one version and data set (empty: both)."""
    model = "openaichat/" + "-".join(version)
    return [row[name] for row in read_csv(ROWS) if row["model"] == model and dataset in ("", row["dataset"])]


def _expected(version: tuple[str, str], dataset: str, name: str) -> float:
    """Return what pandas computed for a version and data set (empty: both); the file has it for March and June."""
    both = read_json("llmdrift_prime_expected.json")["canary"][f"prime_full|{version[0]}|{dataset or 'all'}"]
    return float(both[name][version[1] == "0613"])


def test_every_request_and_score_was_taken(store: Replayed) -> None:
    summary = store.summary
    assert (summary["events"], summary["feedback"], summary["late"], summary["rejects"]) == (4_000, 4_000, 0, {})


@pytest.mark.parametrize(
    ("model", "version", "percent", "primes", "composites"),
    [
        ("gpt-4", "0314", 84.0, 0.976, 0.704),
        ("gpt-4", "0613", 51.1, 0.024, 0.998),
        ("gpt-3.5-turbo", "0301", 49.6, 0.148, 0.844),
        ("gpt-3.5-turbo", "0613", 76.2, 0.868, 0.656),
    ],
)
def test_scores_are_the_published_ones(
    store: Replayed, model: str, version: str, percent: float, primes: float, composites: float
) -> None:
    """Published in figure/prime_full_GPT4.svg and prime_full_GPT35.svg of lchen001/LLMDrift; counts are exact."""
    quality = {"model": model, "sli": "quality"}
    total = _of(store.ask("success_ratio", quality), version)
    assert (total["good"], total["good"] + total["bad"], total["neither"]) == (percent * 10, 1_000, 0)
    for by in ("dataset", "ref_answer"):
        rows = store.ask("success_ratio", {**quality, "by": [by]})
        values = ("prime", "composite") if by == "dataset" else ("yes", "No")
        assert [_of(rows, version, value)["ratio"] for value in values] == [primes, composites]


def test_scores_agree_with_the_published_table(store: Replayed) -> None:
    """`published` of llmdrift_prime_expected.json: March is the older version."""
    published = read_json("llmdrift_prime_expected.json")["published"]
    for model, march, june in (("gpt-4", "0314", "0613"), ("gpt-3.5-turbo", "0301", "0613")):
        rows = store.ask("success_ratio", {"model": model, "sli": "quality"})
        measured = [round(_of(rows, version)["ratio"] * 100, 1) for version in (march, june)]
        wanted = published[f"prime_full|{model}"]
        assert measured == [wanted["score_pct_march"], wanted["score_pct_june"]]


def test_intervals_are_those_of_statsmodels(store: Replayed) -> None:
    both = read_json("llmdrift_prime_expected.json")["canary"]
    for model, version in VERSIONS:
        rows = store.ask("success_ratio", {"model": model, "sli": "quality", "by": ["dataset"]})
        for dataset in ("prime", "composite"):
            row = _of(rows, version, dataset)
            wanted = both[f"prime_full|{model}|{dataset}"]["wilson_canary" if version == "0613" else "wilson_base"]
            assert [row["lower"], row["upper"]] == pytest.approx(wanted, rel=1e-9)


def test_windows_agree_with_panes(store: Replayed) -> None:
    """One tumbling hour holds all requests, so its rows must equal what the panes merge to."""
    windows = store.rows("SELECT * FROM sli_window_latest WHERE sli = 'quality' AND slice LIKE 'dataset=%'")
    assert {row["window_start"] for row in windows} == {START.replace(tzinfo=None)}
    panes = {
        (model, row["version"], f"dataset={row['slice'][0]}", row["good"], row["bad"], row["ratio"])
        for model in ("gpt-4", "gpt-3.5-turbo")
        for row in store.ask("success_ratio", {"model": model, "sli": "quality", "by": ["dataset"]})
    }
    names = ("model", "version", "slice", "good", "bad", "ratio")
    assert {tuple(row[name] for name in names) for row in windows} == panes


def test_feedback_by_hour_gives_the_published_scores(store: Replayed) -> None:
    rows = store.ask("quality_by_request_hour", {"model": "gpt-4", "kind": "judge"})
    assert [(row["version"], row["requests"], row["maturity"], row["mean_value"]) for row in rows] == [
        ("0314", 1_000, 1.0, 0.84),
        ("0613", 1_000, 1.0, 0.511),
    ]


@pytest.mark.parametrize("version", VERSIONS, ids="-".join)
def test_cost_and_tokens_are_exact(store: Replayed, version: tuple[str, str]) -> None:
    """The file holds costs such as 0.0009339999999999, left by float addition: they are kept to 1e-9 USD."""
    total = _of(store.ask("cost", {"model": version[0]}), version[1])
    slices = store.ask("cost", {"model": version[0], "by": ["dataset"]})
    for row, dataset in [(total, ""), *[(_of(slices, version[1], name), name) for name in ("prime", "composite")]]:
        costs = [round(Decimal(cost), 9) for cost in _column(version, "cost", dataset)]
        assert row["cost_usd"] == sum(costs, Decimal(0))
        assert row["output_tokens"] == sum(map(int, _column(version, "answer_token", dataset)))
        assert float(row["cost_usd"]) == pytest.approx(_expected(version, dataset, "cost_sum"), rel=1e-12)
        assert row["output_tokens"] == _expected(version, dataset, "answer_token_sum")


@pytest.mark.parametrize("version", VERSIONS, ids="-".join)
def test_latency_is_within_one_percent(store: Replayed, version: tuple[str, str]) -> None:
    """Of linear quantiles computed with pandas, in all traffic and in both slices."""
    levels = (0.5, 0.95)
    measured = store.quantiles("latency_ms", levels) | store.quantiles("latency_ms", levels, by=["dataset"])
    for dataset in ("", "prime", "composite"):
        wanted = [_expected(version, dataset, name) * 1000 for name in ("latency_p50", "latency_p95")]
        assert measured[*version, *filter(None, [dataset])] == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("version", VERSIONS, ids="-".join)
def test_latency_of_windows_is_within_one_percent(store: Replayed, version: tuple[str, str]) -> None:
    windows = store.rows(
        "SELECT slice, n, mean, p50, p90, p95, p99, max FROM measure_window_latest "
        "WHERE measure = 'latency_ms' AND model = {model:String} AND version = {version:String}",
        dict(zip(("model", "version"), version, strict=True)),
    )
    by_slice = {row["slice"]: row for row in windows}
    for slice_, dataset in (("*", ""), ("dataset=prime", "prime"), ("dataset=composite", "composite")):
        exact = np.array(_column(version, "latency", dataset), float) * 1000
        row = by_slice[slice_]
        assert row["n"] == len(exact)
        assert row["mean"] == pytest.approx(exact.mean(), rel=1e-6)  # Four bytes in rows of windows.
        assert row["max"] == exact.max()
        wanted = np.quantile(exact, [0.5, 0.9, 0.95, 0.99])
        assert [row[name] for name in ("p50", "p90", "p95", "p99")] == pytest.approx(wanted, rel=0.01)


def test_quantiles_keep_the_bound_of_the_sketch(store: Replayed) -> None:
    exact = oracle("llmdrift prime latency openaichat/")
    measured = store.quantiles("latency_ms", LEVELS)
    assert exact.keys() == {"-".join(key) for key in measured}
    for key, quantiles in measured.items():
        assert_within_bound(exact["-".join(key)], [value / 1000 for value in quantiles])


def test_cost_and_latency_would_promote_what_quality_refuses(store: Replayed) -> None:
    """GPT-4 of June is an order of magnitude cheaper and four times faster than that of March, and broken.

    It had stopped to reason: 13.83 became 1.07 USD, a median of 6.7 s became 1.5 s, and 84.0 % correct answers
    became 51.1 %, by answering "not prime" to nearly everything. Composites alone even improve. Whoever watches
    cost and latency alone, or the wrong slice alone, promotes it.
    """
    march, june = (_of(store.ask("cost", {"model": "gpt-4"}), version) for version in ("0314", "0613"))
    assert (round(march["cost_usd"], 2), round(june["cost_usd"], 2)) == (Decimal("13.83"), Decimal("1.07"))
    median = {version: store.quantiles("latency_ms", [0.5])["gpt-4", version][0] for version in ("0314", "0613")}
    assert median["0314"] == pytest.approx(6_704, rel=0.01)
    assert median["0613"] == pytest.approx(1_459, rel=0.01)
    quality = store.ask("success_ratio", {"model": "gpt-4", "sli": "quality"})
    assert _of(quality, "0613")["upper"] < _of(quality, "0314")["lower"]
    slices = store.ask("success_ratio", {"model": "gpt-4", "sli": "quality", "by": ["dataset"]})
    assert _of(slices, "0613", "prime")["upper"] < _of(slices, "0314", "prime")["lower"]
    assert _of(slices, "0613", "composite")["lower"] > _of(slices, "0314", "composite")["upper"]
