"""Makes the boards for Grafana from the questions of infra/clickhouse: `python infra/grafana/build.py [FOLDER]`.

Panels run the page's queries, from the same files. A test makes the boards again and compares them with `boards`.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.builders.dashboard import Dashboard, TextBoxVariable
from grafana_foundation_sdk.builders.table import Panel as TablePanel
from grafana_foundation_sdk.builders.timeseries import Panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from parts import MODEL, SLICE, board, lines, metric, question, rows, said, variable

HERE = Path(__file__).resolve().parent
EPOCHS = "sum by (source) (rate(rollguard_epoch_seconds_{}[5m]))"
MODELS = "SELECT DISTINCT model FROM sli_window WHERE slice = '*' ORDER BY model"
COMPARED = f"FROM evidence WHERE model = {MODEL} AND sli != ''"


def of_model(uid: str, title: str, about: str) -> Dashboard:
    """Return a board of one model, with its control events as marks."""
    made = board(uid, title, about).with_variable(variable("model", MODELS)).annotation(said())
    return made.with_variable(TextBoxVariable("slice").default_value("*"))


def release() -> Dashboard:
    """Return the board: what is decided about one version, and on what evidence."""
    made = of_model("rollguard-release", "rollguard: a release", "What is decided of a version, and on what evidence.")
    versions = f"SELECT DISTINCT version FROM ({question('releases', version=MODEL)}) ORDER BY version"
    made.with_variable(variable("version", versions))
    made.with_variable(variable("rule", f"SELECT DISTINCT rule {COMPARED} ORDER BY rule"))
    made.with_variable(variable("sli", f"SELECT DISTINCT sli {COMPARED} ORDER BY sli"))
    grown = question("evidence_lines")
    found = question("evidence_now", slices=f"(SELECT slice FROM ({question('slices_compared')}))")
    for panel in (
        rows("Where releases stand", "One row per release that is remembered.", question("releases")).height(5),
        lines(
            "How the evidence grew",
            "ln E against: the candidate is no worse; of all traffic and the slice. The table below says what decides.",
            f"SELECT at AS time, slice, log_e FROM ({grown}) ORDER BY time",
        ),
        lines(
            "How much worse",
            "Difference of failed answers in the slice, with bounds that hold at any time.",
            f"SELECT at AS time, value, lower, upper FROM ({grown}) WHERE slice = {SLICE} ORDER BY time",
            "percentunit",
        ),
        rows(
            "Where",
            "Every comparison, what is surely worse first, then by evidence.",
            "SELECT slice, rule, if(sli = '', measure, sli) AS compares, verdict, candidate_bad,\n"
            "  candidate_good + candidate_bad AS candidate_n, baseline_bad,\n"
            "  baseline_good + baseline_bad AS baseline_n, value, lower, upper, log_e_peak, needed_log_e, decides_in\n"
            f"FROM ({found}) ORDER BY slice != '*', verdict = 'BAD' DESC, log_e_peak DESC, slice, compares LIMIT 100",
        ),
        lines(
            "Good answers",
            "Ratio of good answers by version and SLI; windows of fewer than 20 events are left out.",
            f"SELECT at AS time, concat(sli, ' ', version) AS line, ratio FROM ({question('sli_lines')}) ORDER BY time",
            "percentunit",
        ),
        lines(
            "Requests per second",
            "By version.",
            f"SELECT at AS time, version, per_second FROM ({question('traffic_lines')}) ORDER BY time",
            "reqps",
        ),
        latency(),
        rows("What was said", "The newest first.", question("events", version="''")),
    ):
        made.with_panel(panel)
    return made


def latency() -> Panel:
    """Return the latency of the chosen slice."""
    asked = question("measure_lines")
    sql = f"SELECT at AS time, version, p50, p95, p99 FROM ({asked}) ORDER BY time"
    return lines("Latency", "p50, p95 and p99 by version.", sql, "ms")


def failed() -> TablePanel:
    """Return how requests of the chosen slice failed."""
    by_version = f"SELECT version, sum(requests) AS n_all, sumMap(failed) AS kinds FROM ({question('traffic_lines')})"
    sql = (
        "SELECT version, kind.1 AS error_type, kind.2 AS n, n_all AS requests, n / n_all AS share\n"
        f"FROM ({by_version} GROUP BY version)\n"
        "ARRAY JOIN arrayZip(kinds.1, kinds.2) AS kind ORDER BY version, n DESC, error_type LIMIT 20 BY version"
    )
    return rows("How requests failed", "The most frequent of each version.", sql, 12)


def slo() -> Dashboard:
    """Return the board: how well a model serves."""
    made = of_model("rollguard-slo", "rollguard: service levels", "How well a model serves, and what is open.")
    for panel in (
        rows("Open alerts", "The worst and oldest first.", question("alerts")),
        lines(
            "Good answers",
            "Ratio of good answers by version and SLI.",
            f"SELECT at AS time, concat(sli, ' ', version) AS line, ratio FROM ({question('sli_lines')}) ORDER BY time",
            "percentunit",
        ),
        metric(
            "The worst service level, as scraped",
            "Of all traffic, in the sliding window nearest to five minutes.",
            "percentunit",
            ratio='min by (version) (rollguard_sli_ratio{model="$model"})',
        ),
        latency(),
        metric("Alerts that fire", "Versions, by rule.", of='sum by (rule) (rollguard_alerts_firing{model="$model"})'),
        failed(),
        rows("How long rollbacks took", "Seconds, with the medians so far.", question("mttr"), 12),
    ):
        made.with_panel(panel)
    return made


def drift() -> Dashboard:
    """Return the board: how far a model's fields are from their reference."""
    made = of_model("rollguard-drift", "rollguard: drift", "How far fields are from their reference.")
    asked = question("drift")
    for panel in (
        lines(
            "Distance, in limits",
            "Score by its limit; beyond 1 and beyond chance a monitor says BAD.",
            "SELECT at AS time, concat(field, ' ', method, ' ', version) AS line,\n"
            f"  score / nullIf(threshold, 0) AS times FROM ({asked}) ORDER BY time",
        ).span(24),
        rows("Beyond", "Windows with drift, the newest first.", f"SELECT * FROM ({asked}) WHERE is_bad"),
        rows("Right, by score", "Of labelled requests.", question("scores")),
    ):
        made.with_panel(panel)
    return made


def cost() -> Dashboard:
    """Return the board: what a model's requests cost."""
    made = of_model("rollguard-cost", "rollguard: cost", "What requests cost, in tokens and money.")
    asked = question("measure_lines", measures="['cost_usd']")
    hours = {"outcomes": "outcome_pane_1h_latest", "measures": "measure_pane_1h_latest"}
    for panel in (
        lines(
            "Cost of 1,000 requests",
            "By version; requests that tell no cost are left out.",
            f"SELECT at AS time, version, 1000 * mean AS usd FROM ({asked}) ORDER BY time",
            "currencyUSD",
        ),
        lines(
            "Output tokens of a request",
            "Mean and p95 by version.",
            "SELECT at AS time, version, mean, p95\n"
            f"FROM ({question('measure_lines', measures=repr(['output_tokens']))}) ORDER BY time",
        ),
        rows("By version", "Whole hours.", question("cost", by="CAST([], 'Array(String)')", **hours)),
        rows("By team and endpoint", "Of all models, whole hours; dearest first.", question("cost_by_team", **hours)),
    ):
        made.with_panel(panel)
    return made


def worker() -> Dashboard:
    """Return the board: whether rollguard itself keeps up."""
    made = board("rollguard-worker", "rollguard: the worker", "Whether rollguard itself keeps up.")
    for panel in (
        metric("Ready", "1 while /readyz says so.", ready="min by (instance) (rollguard_ready)"),
        metric("Items taken in", "Per second.", "cps", items="sum by (stream) (rate(rollguard_items_total[5m]))"),
        metric("Still to be read", "Messages.", lag="sum by (source) (rollguard_lag)"),
        metric(
            "Behind the newest event",
            "Of the watermark, by process; and of partitions, behind the broker's clock.",
            "s",
            watermark="max by (instance) (rollguard_watermark_lag_seconds)",
            partition="max by (source) (rollguard_behind_seconds)",
        ),
        metric(
            "An epoch takes",
            "Seconds, on average; beyond 10 saving or ClickHouse is slow.",
            "s",
            mean=f"{EPOCHS.format('sum')} / {EPOCHS.format('count')}",
        ),
        metric("Rows stored", "Per second.", "cps", rows="sum by (table) (rate(rollguard_sink_rows_total[5m]))"),
        metric(
            "Refused, late, sent twice",
            "Items per second.",
            "cps",
            refused="sum by (reason) (rate(rollguard_rejects_total[5m]))",
            late="sum(rate(rollguard_late_total[5m]))",
            twice="sum(rate(rollguard_duplicates_total[5m]))",
        ),
        metric(
            "The store fails",
            "Inserts sent again, and rows refused.",
            again="sum(increase(rollguard_sink_retries_total[10m]))",
            refused="sum by (table) (increase(rollguard_sink_rejects_total[10m]))",
        ),
        rows("How far each shard is", "Counted up to, and how long after it that was stored.", question("shards")),
        rows("Commands", "The newest first.", question("commands", model="''")),
    ):
        made.with_panel(panel)
    return made


def main(folder: Path) -> None:
    """Write every board to a folder."""
    for name, make in {"release": release, "slo": slo, "drift": drift, "cost": cost, "worker": worker}.items():
        text = json.dumps(make().build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
        (folder / f"{name}.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "boards")
