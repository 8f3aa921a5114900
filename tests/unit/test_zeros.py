"""The first rollback of a process's life is seen by the alert that infra/README.md gives."""

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from flows import monitor
from flows.zeros import CLOSED
from operators.metrics import METRICS, Metrics
from operators.policy.policy import Policy
from tests.releasing import policy


def _samples(metrics: Metrics) -> dict[str, dict[str, float]]:
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        family.name: {next(iter(sample.labels.values()), ""): sample.value for sample in family.samples}
        for family in families
        if family.type == "counter"
    }


def _built(rules: Policy, metrics: Metrics) -> None:
    from bytewax.testing import TestingSink, TestingSource  # noqa: PLC0415

    monitor.build(rules, TestingSource([]), TestingSink([]), TestingSink([]), TestingSink([]), metrics)


def test_a_run_begins_with_a_zero_for_every_label_that_is_known() -> None:
    metrics = Metrics(CollectorRegistry())
    assert "rollback" not in _samples(metrics)["rollguard_control_events"]
    _built(policy(), metrics)
    found = _samples(metrics)
    assert found["rollguard_control_events"]["rollback"] == 0
    for name, labels in CLOSED.items():
        assert {label: found[f"rollguard_{name}"][label] for label in labels} == dict.fromkeys(labels, 0)
        assert METRICS[name].label


def test_what_was_counted_before_stays() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.add("control_events", 3, "rollback")
    _built(policy(), metrics)
    assert _samples(metrics)["rollguard_control_events"]["rollback"] == 3
