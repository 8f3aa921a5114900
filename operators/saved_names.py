"""The name of every class that is saved in the recovery store: recovery schema, as the names of steps are.

The name of a class stands for ever, whatever the class, its file and its fields are called: see
`operators/saved/registry.py` for what may change, and how. Of plain classes all that they keep is listed.

What a saved class may hold, by the types of its fields, must have a name, too; and what a plain one keeps be listed:

>>> from operators.saved.held import unlisted, unnamed
>>> unnamed(REGISTRY), unlisted(REGISTRY)
([], [])
"""

from operators import control, monitors, policy, rules
from operators.drift import changes, drifted, finding, standard, sums
from operators.drift import monitors as drift_monitors
from operators.drift.adwin import Adwin
from operators.drift.broken import Contracts
from operators.drift.page_hinkley import PageHinkley
from operators.drift.past import Past
from operators.ingest import duplicates, late_share, partition, position, progress, refused_share
from operators.release import alerts, gone, health, historical, history, judge, model, replaced, share, speaker, trial
from operators.saved.registry import Registry, Saved, without
from operators.verdict import canary, canary_rule, cohorts, comparison, exceeding, label_delays
from operators.verdict.absence import AbsenceEvaluator
from operators.verdict.burn_rate import BurnRateEvaluator
from operators.verdict.counts import Roster
from operators.verdict.drift_rule import DriftEvaluator
from operators.verdict.e_process import EProcesses
from operators.verdict.labelled import Labelled
from operators.verdict.measure import MeasureEvaluator
from operators.verdict.rings import Ring
from operators.verdict.standing import Standing, sparse
from operators.verdict.strata import Strata
from operators.verdict.threshold import ThresholdEvaluator
from operators.verdict.traffic_split import TrafficSplit
from operators.verdict.verdicts import Verdict
from operators.window import admitted, commands, limits, panes, partial, recall, samples, slots, watermark

INPUT = (
    Saved("input", position.Saved),
    Saved("input.partition", partition.State),
    Saved("input.recent", progress.Recent),
    Saved("input.anchor", duplicates.Anchor),
    Saved("input.late", late_share.LateShare),
    Saved("input.refused", refused_share.RefusedShare),
)
PANES = (
    Saved("panes", panes.Saved),
    Saved("panes.watermark", watermark.Watermark),
    Saved("panes.mark", watermark.Mark),
    Saved("panes.limits", limits.Limits),
    Saved("panes.admitted", admitted.Admitted),
    Saved("panes.sent", commands.Sent),
    Saved("panes.obeyed", commands.Obeyed),
    Saved("series", partial.Series),
    Saved("windows", recall.Reached),
)
CONTROL = (
    Saved("command.release", control.Release),
    Saved("command.override", control.Override),
    Saved("command.ack", control.Ack),
    Saved("command.silence", control.Silence),
    Saved("command.unsilence", control.Unsilence),
    Saved("command.pin", control.Pin),
    Saved("command.unpin", control.Unpin),
    Saved("command.rollback", control.Rollback),
    Saved("command.kill", control.Kill),
    Saved("refusal", control.Refusal),
    Saved("notice", control.Notice),
    Saved("arm", control.Arm),
    Saved("evidence", control.Evidence),
    Saved("found", control.Found),
    Saved("sample", samples.Sample),
    Saved("maturity", control.Maturity),
    Saved("affected", control.Affected),
)
JUDGE = (
    Saved("judge", judge.State),
    Saved("judge.roster", Roster, ("slots", "slis"), version=2, upgrades={1: without("together")}),
    Saved("slots", slots.Slots, ("dimensions", "grains", "names", "together"), added={"together": tuple}),
    Saved("reported", slots.Reported),
    Saved("judge.delays", label_delays.LabelDelays),
    Saved("judge.delay", label_delays.Delays),
    Saved("verdict", Verdict),
)
RELEASE = (
    Saved("model", model.Model),
    Saved("model.lately", model.Lately),
    Saved("model.incident", model.Incident),
    Saved("model.overflow", model.Overflow),
    Saved("model.speaker", speaker.Speaker),
    Saved("model.alerts", alerts.Alerts),
    Saved("model.firing", alerts.Firing),
    Saved("model.muted", alerts.Muted),
    Saved("model.served", history.Served),
    Saved("release", trial.Trial),
    Saved("release.cause", trial.Cause),
    Saved("release.gone", gone.Gone),
    Saved("release.health", health.Health),
    Saved("release.excess", share.Excess),
    Saved("release.replaced", replaced.Replaced),
    Saved("release.past", historical.Past),
    Saved("release.split", TrafficSplit, ("shares", "counts", "p_min")),
)
RULES = (
    Saved("rule.threshold", rules.Threshold),
    Saved("rule.burn_rate", rules.BurnRate),
    Saved("rule.window", policy.Window),
    Saved("rule.tier", rules.Tier),
    Saved("rule.measure", rules.MeasureRule),
    Saved("rule.absence", rules.Absence),
    Saved("rule.canary", rules.Canary),
    Saved("rule.compared", rules.Compared),
    Saved("rule.drift", rules.DriftRule),
    Saved(
        "threshold",
        ThresholdEvaluator,
        ("rule", "_sli", "_run_min", "_thin", "_well_min", "_ring", "_standing"),
    ),
    Saved(
        "burn_rate",
        BurnRateEvaluator,
        ("rule", "_tiers", "_limits", "_finest", "_rings", "_severities", "_standing"),
    ),
    Saved(
        "measure",
        MeasureEvaluator,
        ("rule", "_measure", "_scale", "_window", "_run_min", "_standing"),
        derived=("_slot_of", "_named"),
    ),
    Saved("absence", AbsenceEvaluator, ("rule", "_panes", "_standing")),
    Saved("drift", DriftEvaluator, ("rule", "_grains", "_pane_ms", "_known_ms", "_heard", "_words", "_seen", "_told")),
    Saved("ring", Ring, ("hop_panes", "sli", "hop", "hops", "totals")),
    Saved(
        "standing",
        Standing,
        (
            "_name",
            "_grains",
            "_of_versions",
            "_known_panes",
            "pane_ms",
            "pane",
            "_fields",
            "kept",
            "member",
            "rows",
            "slots",
        ),
        version=2,
        upgrades={1: sparse},
    ),
)  # fmt: skip
CANARY = (
    Saved(
        "canary",
        canary_rule.CanaryEvaluator,
        (
            "rule", "_pane_ms", "_blip_panes", "_levels", "_terms", "_slis", "_finest", "_grains", "_processes", "_of",
            "_series", "_strata", "_blip", "_words", "_bad", "_proofs", "_told", "_at_once", "_labelled", "_dimensions",
            "_limits", "_columns", "_blipped", "_exceeding",
        ),
        derived=("_index",),
        version=2,
        upgrades={1: canary_rule.without_measures},
    ),
    Saved("canary.release", comparison.Release),
    Saved("canary.exceeding", exceeding.Exceeding),
    Saved("canary.limit", exceeding.Limit),
    Saved("canary.labelled", Labelled, ("slis", "pane_ms", "least", "age_panes", "cohorts")),
    Saved("canary.cohorts", cohorts.Cohorts),
    Saved("canary.stretch", cohorts.Stretch),
    Saved("canary.process", canary_rule.Process),
    Saved("canary.levels", canary.Levels),
    Saved("canary.terms", canary.Terms),
    Saved(
        "canary.processes",
        EProcesses,
        (
            "tolerance", "margin", "log_cap", "grid", "at_tolerance", "log_m", "peaks", "log_learned", "log_e_peak",
            "weighted", "total", "adjusted", "counts", "blocks", "since", "_relapse", "_run", "_run_since", "_run_best",
        ),
    ),
    Saved("canary.strata", Strata, ("names", "pending", "events")),
)  # fmt: skip
MONITORS = (
    Saved("monitors", drift_monitors.State),
    Saved("monitor.adwin", monitors.Adwin),
    Saved("monitor.page_hinkley", monitors.PageHinkley),
    Saved(
        "monitors.sums",
        sums.Sums,
        ("slots", "rows", "counts", "moments", "ranges", "offenders", "empty"),
    ),
    Saved("monitors.past", Past, ("bins", "fields", "kept")),
    Saved("monitors.contracts", Contracts, ("broken", "seen")),
    Saved("monitors.finding", finding.Finding),
    Saved(
        "monitors.changes",
        changes.Changes,
        ("monitor", "field", "_pane_ms", "_grains", "_sli", "_measure", "_unit", "_axis", "_kind", "watches"),
    ),
    Saved("monitors.watch", changes.Watch),
    Saved("monitors.offender", monitors.Offender),
    Saved("drifted", drifted.Drift),
    Saved("heard", drifted.Heard),
    Saved("scale", standard.Scale),
    Saved("standardiser", standard.Standardiser),
    Saved(
        "adwin",
        Adwin,
        ("delta", "clock", "window_min", "grace", "max_buckets", "detected", "window"),
    ),
    Saved(
        "page_hinkley",
        PageHinkley,
        (
            "allowance", "threshold", "samples_min", "alpha", "detected", "n", "mean", "up", "down", "up_least",
            "down_most",
        ),
    ),
)  # fmt: skip
REGISTRY = Registry([*INPUT, *PANES, *CONTROL, *JUDGE, *RELEASE, *RULES, *CANARY, *MONITORS])
