"""The catalogue of metrics is the registry: every name, its kind, its label, and no other."""

from typing import get_args

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from operators.metrics import METRICS, Metrics, Name


def sample(registry: CollectorRegistry, name: Name, label: str) -> float | None:
    suffix = {Counter: "_total", Gauge: "", Histogram: "_sum"}[METRICS[name].kind]
    labels = {METRICS[name].label: label} if METRICS[name].label else {}
    return registry.get_sample_value(f"rollguard_{name}{suffix}", labels)


def test_every_name_is_in_the_catalogue_with_a_meaning() -> None:
    assert set(METRICS) == set(get_args(Name))
    assert all(metric.meaning.endswith(".") for metric in METRICS.values())


@pytest.mark.parametrize("name", METRICS)
def test_add_moves_each_metric_in_its_own_way(name: Name) -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.add(name, 2, "x")
    metrics.add(name, 3, "x")
    assert sample(registry, name, "x") == (3 if METRICS[name].kind is Gauge else 5)


def test_two_runs_in_one_process_have_registries_of_their_own() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first).add("sink_retries", 1)
    Metrics(second)
    assert sample(first, "sink_retries", "") == 1
    assert sample(second, "sink_retries", "") == 0
