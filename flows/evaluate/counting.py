"""Counts the results of judging, in metrics."""

from operators.metrics import Metrics
from operators.sources.evaluate import TakenEvents


def count_taken(metrics: Metrics, name: str, taken: TakenEvents) -> None:
    """Add the results of some work on the input `name` to the metrics."""
    metrics.add("items", taken.events, "events")
    metrics.add("waiting", taken.waiting, name)
    judgements = taken.judgements
    for evaluator, count in judgements.judged.items():
        metrics.add("judged", count, evaluator)
    for fault, count in judgements.failed.items():
        metrics.add("evaluation_failed", count, fault)
    for reason, count in judgements.skipped.items():
        metrics.add("evaluation_skipped", count, reason)
    for evaluator, factor in judgements.rates.items():
        metrics.add("evaluation_rate", factor, evaluator)
    for evaluator, doubt in judgements.doubts.items():
        metrics.add("judge_believed", 0 if doubt else 1, evaluator)
