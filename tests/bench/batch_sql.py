"""The same counts by SQL over the whole file at once (DuckDB): no stream, no lateness, no verdicts; a yardstick."""

import time
from pathlib import Path

import duckdb

COLUMNS = {
    "ts": "BIGINT", "model": "VARCHAR", "version": "VARCHAR", "slices": "STRUCT(region VARCHAR, segment VARCHAR)",
    "error_type": "VARCHAR", "latency_ms": "DOUBLE", "ttft_ms": "DOUBLE", "input_tokens": "BIGINT",
    "output_tokens": "BIGINT", "cost_usd": "DOUBLE",
}  # fmt: skip
MEASURES = ("latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd")
LIMIT_MS = 2_000  # Of the SLI `fast` in the default policy.


def seconds(path: Path) -> float:
    """Return CPU seconds of one thread: panes of 10 s by finest series, with sums, extremes, SLIs and a p95."""
    sums = ", ".join(f"sum({name}), min({name}), max({name}), count({name})" for name in MEASURES)
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
    query = f"""
        SELECT model, version, slices.region, slices.segment, ts // 10000 AS pane, count(*),
            count(*) FILTER (error_type IS NULL), count(*) FILTER (latency_ms <= {LIMIT_MS}),
            {sums}, approx_quantile(latency_ms, 0.95)
        FROM read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})
        GROUP BY ALL
    """  # noqa: S608  # Of this file alone.
    with duckdb.connect(config={"threads": 1}) as connection:
        began = time.process_time()
        connection.execute(query).fetchnumpy()
        return time.process_time() - began
