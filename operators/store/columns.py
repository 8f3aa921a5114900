"""The columns that rollguard writes to each ClickHouse table, in order, with the kind of value each holds.

A test compares this with infra/clickhouse: a column that only one of the two has fails it. Columns that
the database fills in itself (ALIAS, DEFAULT) are not listed. This is a list without code, and stays one, so that a
reader sees at once which tables have a column.
"""

from typing import Literal

Kind = Literal[
    "string",  # str
    "uint8",
    "uint8?",  # None is NULL
    "uint32",
    "uint64",
    "uint64?",  # None is NULL
    "float32",  # float, to seven digits
    "float64",
    "float64?",  # NaN or None is NULL
    "time_ms",  # int, Unix ms
    "time_ms?",  # None is NULL
    "decimal9",  # int in units of 1e-9; int64 or Python ints
    "int16[]",
    "uint32[]",
    "uint64[]",
    "uint8?[]",  # None inside is NULL
    "float64?[]",
    "string[]",
    "map",  # dict[str, str]
    "numbers",  # dict[str, float]
]

SERIES: dict[str, Kind] = {"model": "string", "version": "string", "slice": "string", "dims": "map"}

MODEL: dict[str, Kind] = {"model": "string", "version": "string"}

# `arrival` is the start of the pane in which the events came in: for late rows (late = 1) the pane that their
# partition had reached, else `pane_start`. So a late row too is written once, when `arrival` closes.
PANE: dict[str, Kind] = {
    "pane_start": "time_ms",
    "pane_ms": "uint32",
    "late": "uint8",
    "arrival": "time_ms",
}

WINDOW: dict[str, Kind] = {
    "kind": "string",
    "size_ms": "uint64",
    "window_start": "time_ms",
    "window_end": "time_ms",
}

BIN: dict[str, Kind] = {"profile": "string", "field": "string", "bin": "uint32"}

# The events folded into the row: the larger one replaces, so a row sent twice replaces itself.
VERSION: dict[str, Kind] = {"ver": "uint64"}

TABLES: dict[str, dict[str, Kind]] = {
    "sli_pane": SERIES | PANE | {"sli": "string", "good": "uint64", "bad": "uint64", "neither": "uint64"} | VERSION,
    "sli_cohort": SERIES
    | PANE
    | {"came": "time_ms", "sli": "string", "within_ms": "uint64", "requests": "uint64", "bad": "uint64"}
    | VERSION,
    "outcome_pane": SERIES | PANE | {"error_type": "string", "n": "uint64"} | VERSION,
    "measure_pane": SERIES
    | PANE
    | {
        "measure": "string",
        "n": "uint64",
        "sum": "decimal9",
        "min": "float64",
        "max": "float64",
        "gamma": "float64",
        "buckets": "int16[]",
        "counts": "uint32[]",
    }
    | VERSION,
    "sli_window": SERIES
    | WINDOW
    | {
        "sli": "string",
        "good": "uint64",
        "bad": "uint64",
        "ratio": "float64",
        "lower": "float32",
        "upper": "float32",
        "coverage": "float32",
    }
    | VERSION,
    "measure_window": SERIES
    | WINDOW
    | {
        "measure": "string",
        "n": "uint64",
        "mean": "float32",
        "p50": "float32",
        "p90": "float32",
        "p95": "float32",
        "p99": "float32",
        "max": "float64",
    }
    | VERSION,
    "outcome_window": SERIES
    | WINDOW
    | {
        "requests": "uint64",
        "error_types": "string[]",
        "errors": "uint32[]",
    }
    | VERSION,
    "feedback": SERIES
    | {
        "request_id": "string",
        "ts": "time_ms",
        "kind": "string",
        "source": "string",
        "name": "string",
        "unit": "string",
        "sample": "string",
        "standing": "string",
        "reason": "string",
        "value": "string",
        "value_number": "float64?",
        "request_ts": "time_ms?",
        "prediction": "string",
        "score": "float64?",
    }
    | VERSION,
    "verdict": SERIES
    | {
        "rule": "string",
        "sli": "string",
        "at": "time_ms",
        "verdict": "string",
        "good": "uint64",
        "bad": "uint64",
        "value": "float64?",
        "lower": "float64?",
        "upper": "float64?",
        "since": "time_ms?",
        "evidence": "string",
        "policy": "string",
    }
    | VERSION,
    "control": MODEL
    | {
        "id": "string",
        "revision": "uint64",
        "type": "string",
        "state": "string",
        "at": "time_ms",
        "pin": "string",
        "barred": "string[]",
        "lifts": "uint8?",
        "weights": "string",
        "rule": "string",
        "severity": "string",
        "reason": "string",
        "slices": "string",
        "slices_more": "uint64",
        "evidence": "string",
        "diff": "string",
        "diff_more": "uint64",
        "runbook": "string",
        "policy": "string",
        "silenced": "uint8",
        "acked": "uint8",
        "onset": "time_ms?",
        "detected": "time_ms?",
        "applied": "time_ms?",
        "recovered": "time_ms?",
        "incident": "string",
        "update": "uint8",
        "closes": "uint8",
        "sentence": "string",
        "error_types": "string",
        "requests": "string[]",
        "findings": "string",
        "moved": "string[]",
    }
    | VERSION,
    "evidence": SERIES
    | {
        "baseline": "string",
        "rule": "string",
        "sli": "string",
        "measure": "string",
        "at": "time_ms",
        "began": "time_ms",
        "verdict": "string",
        "candidate_good": "uint64",
        "candidate_bad": "uint64",
        "baseline_good": "uint64",
        "baseline_bad": "uint64",
        "value": "float64?",
        "lower": "float64?",
        "upper": "float64?",
        "odds_ratio": "float64?",
        "odds_lower": "float64?",
        "odds_upper": "float64?",
        "log_e": "float64",
        "log_e_peak": "float64",
        "needed_log_e": "float64",
        "detectable": "float64?",
        "decides_in": "float64?",
        "since": "time_ms?",
        "policy": "string",
    }
    | VERSION,
    "release": MODEL
    | {
        "baseline": "string",
        "at": "time_ms",
        "phase": "string",
        "began": "time_ms",
        "declared": "time_ms?",
        "by": "string",
        "traffic_share": "float64?",
        "metadata": "string",
        "holds": "map",
        "throttled": "uint8",
        "policy": "string",
    }
    | VERSION,
    "command": {
        "model": "string",
        "at": "time_ms",
        "obeyed": "time_ms?",
        "type": "string",
        "by": "string",
        "id": "string",
        "fields": "string",
        "accepted": "uint8",
        "reason": "string",
        **VERSION,
    },
    "policy": {
        "hash": "string",
        "at": "time_ms",
        "toml": "string",
        **VERSION,
    },
    "progress": {
        "shard": "string",
        "at": "time_ms",
        "requests": "uint64",
        "late": "uint64",
        **VERSION,
    },
    "drift": SERIES
    | {
        "monitor": "string",
        "field": "string",
        "window_start": "time_ms",
        "window_end": "time_ms",
        "axis": "string",
        "kind": "string",
        "method": "string",
        "reference": "string",
        "verdict": "string",
        "score": "float64?",
        "threshold": "float64?",
        "p": "float64?",
        "kl": "float64?",
        "jensen_shannon": "float64?",
        "expected": "float64?",
        "n_reference": "uint64",
        "n_current": "uint64",
        "profile": "string",
        "detail": "string",
        "requests": "string",
        "policy": "string",
    }
    | VERSION,
    "drift_window": SERIES
    | {
        "monitor": "string",
        "window_start": "time_ms",
        "window_end": "time_ms",
        "method": "string",
        "reference": "string",
        "ok": "uint32",
        "bad": "uint32",
        "insufficient": "uint32",
        "worst_field": "string",
        "worst": "float64?",
        "worst_threshold": "float64?",
        "fields": "string[]",
        "verdicts": "string[]",
        "scores": "float64?[]",
        "thresholds": "float64?[]",
        "sizes": "uint64[]",
        "policy": "string",
    }
    | VERSION,
    "feature_window": SERIES
    | {
        "field": "string",
        "profile": "string",
        "window_start": "time_ms",
        "window_end": "time_ms",
        "counts": "uint32[]",
        "n": "uint64",
        "mean": "float64?",
        "sd": "float64?",
        "low": "float64?",
        "high": "float64?",
    }
    | VERSION,
    "profile": BIN
    | {
        "label": "string",
        "low": "float64?",
        "high": "float64?",
        "n": "uint64",
    }
    | VERSION,
    "request": MODEL
    | {
        "request_id": "string",
        "ts": "time_ms",
        "attempt": "uint64",
        "mirrored": "uint8",
        "dims": "map",
        "trace_id": "string",
        "session_id": "string",
        "user_id": "string",
        "team": "string",
        "endpoint": "string",
        "prompt_version": "string",
        "error_type": "string",
        "finish_reason": "string",
        "latency_ms": "float64?",
        "ttft_ms": "float64?",
        "input_tokens": "uint64?",
        "output_tokens": "uint64?",
        "cost_usd": "float64?",
        "prediction": "string",
        "score": "float64?",
        "metrics": "numbers",
        "flags": "string[]",
        "retrieval_id": "string[]",
        "retrieval_score": "float64?[]",
        "retrieval_source": "string[]",
        "retrieval_version": "string[]",
        "tool_name": "string[]",
        "tool_ok": "uint8?[]",
        "tool_latency_ms": "float64?[]",
        "input": "string",
        "output": "string",
        "input_bytes": "uint64",
        "output_bytes": "uint64",
        "redacted": "uint64",
        "source": "string",
        "position": "uint64",
        "item": "uint32",
    }
    | VERSION,
    "triage_case": MODEL
    | {
        "request_id": "string",
        "ts": "time_ms",
        "dims": "map",
        "user_id": "string",
        "trace_id": "string",
        "prompt_version": "string",
        "prediction": "string",
        "input": "string",
        "output": "string",
        "id": "string",
        "slice": "string",
        "first_signal": "time_ms",
        "last_signal": "time_ms",
        "reasons": "string[]",
        "signals": "string",
        "reason": "string",
        "severity": "float64",
        "unsafe": "uint8",
        "cluster": "string",
    }
    | VERSION,
    "triage_action": {
        "model": "string",
        "at": "time_ms",
        "id": "string",
        "case_id": "string",
        "type": "string",
        "by": "string",
        "root_cause": "string",
        "note": "string",
        "eval_case": "string",
        **VERSION,
    },
    "eval_case": {
        "model": "string",
        "id": "string",
        "input": "string",
        "checks": "string",
        "root_cause": "string",
        "note": "string",
        "triage_case": "string",
        "request_id": "string",
        "user_id": "string",
        "version": "string",
        "dims": "map",
        "at": "time_ms",
        "by": "string",
        **VERSION,
    },
    "eval_set": {
        "model": "string",
        "number": "uint64",
        "hash": "string",
        "cases": "string[]",
        "at": "time_ms",
        "by": "string",
        **VERSION,
    },
    "eval_result": MODEL
    | {
        "run": "string",
        "at": "time_ms",
        "number": "uint64",
        "hash": "string",
        "id": "string",
        "attempt": "uint32",
        "passed": "uint8?",
        "failed": "string[]",
        "output": "string",
        "latency_ms": "float64",
    }
    | VERSION,
    "dead_letter": {
        "source": "string",
        "position": "uint64",
        "item": "uint32",
        "reason": "string",
        "detail": "string",
        "bytes": "uint64",
        "encoding": "string",
        "value": "string",
    },
}
