"""The name of every class that is saved in the recovery store: recovery schema, as the names of steps are.

The name of a class never changes, whatever the class, its file and its fields are called: see
`operators/saved/registry.py` for what may change, and how. For plain classes all that they keep is listed. What a kind
of rule or monitor keeps is listed with the kind.

What a saved class may hold, by the types of its fields, must have a name, too, and what a plain one keeps be listed:

>>> from operators.saved.held import unlisted, unnamed
>>> unnamed(REGISTRY), unlisted(REGISTRY)
([], [])
"""

from operators import evaluation_state
from operators.drift import change_monitor, contract_breach, results, unchanged, window_sums
from operators.drift import monitors as drift_monitors
from operators.drift.contract_monitor import Contracts
from operators.drift.detectors import season, standard
from operators.drift.last_week import LastWeek
from operators.drift.registry import KINDS as MONITOR_KINDS
from operators.ingest import behind_share, duplicates, late_share, leads, placing, position, progress, refused_share
from operators.policy import monitors
from operators.profiles.local_time import UTC
from operators.release import alerts, cause, event_writer, historical, model, phase_states, replaced, state, traffic
from operators.release.saved_releases import with_level, with_state
from operators.rules import (
    canary,
    canary_upgrades,
    canary_verdict,
    cohorts,
    comparison,
    evidence_log,
    exceeding,
    label_delays,
)
from operators.rules.canary_keys import Canary, Compared
from operators.rules.estimate_bounds import EstimateBounds
from operators.rules.guard import Guard
from operators.rules.label_pace import LabelPace
from operators.rules.label_shares import LabelShares
from operators.rules.labelled import Labelled
from operators.rules.pane_counts import Roster
from operators.rules.recurring import Recurring
from operators.rules.registry import KINDS as RULE_KINDS
from operators.rules.rings import Ring
from operators.rules.series_state import SeriesState, sparse
from operators.rules.strata import Strata, without_windows
from operators.rules.stratified import StratifiedProcesses
from operators.rules.value_history import ValueHistory
from operators.rules.verdict import Verdict
from operators.saved.registry import Registry, Saved, renamed, without
from operators.stats import recovery_test, traffic_gone, traffic_share
from operators.stats.e_process import EProcesses
from operators.stats.sample_ratio import TrafficSplit
from operators.stats.slice_weights import SliceWeights
from operators.stats.spending import Spending
from operators.window import (
    admitted,
    label_cells,
    leaf_index,
    limits,
    recall,
    samples,
    saved_panes,
    saved_teams,
    series_index,
    team_panes,
    waiting_commands,
    watermark,
)
from operators.wire import commands, control

INPUT = (
    Saved("input", position.SavedInput),
    Saved("input.partition", placing.PartitionState),
    Saved("input.recent", progress.Recent),
    Saved("input.leads", leads.Leads),
    Saved("input.anchor", duplicates.Anchor),
    Saved("input.late", late_share.LateShare, version=2, upgrades={1: renamed({"told": "announced"})}),
    Saved("input.refused", refused_share.RefusedShare, version=2, upgrades={1: renamed({"told": "announced"})}),
    Saved("input.behind", behind_share.BehindShare, version=2, upgrades={1: renamed({"told": "announced"})}),
)
PANES = (
    Saved("panes", saved_panes.SavedPanes),
    Saved("panes.watermark", watermark.Watermark),
    Saved("panes.mark", watermark.PartitionProgress),
    Saved("panes.limits", limits.Limits),
    Saved("panes.admitted", admitted.Admitted),
    Saved("panes.sent", waiting_commands.Sent, version=2, upgrades={1: renamed({"told": "reports"})}),
    Saved("panes.obeyed", waiting_commands.Obeyed),
    Saved("panes.unwatched", waiting_commands.Unwatched),
    Saved("panes.taken_in", waiting_commands.TakenIn),
    Saved("labels", label_cells.LabelCells, ("counts", "seen")),
    Saved("teams.panes", team_panes.SavedTeamPanes),
    Saved("teams", saved_teams.SavedTeams),
    Saved("series", leaf_index.LeafSeries),
    Saved("windows", recall.WindowProgress),
)
CONTROL = (
    Saved("command.release", commands.Release),
    Saved("command.override", commands.Override),
    Saved("command.ack", commands.Ack),
    Saved("command.silence", commands.Silence),
    Saved("command.unsilence", commands.Unsilence),
    Saved("command.pin", commands.Pin),
    Saved("command.unpin", commands.Unpin),
    Saved("command.rollback", commands.Rollback),
    Saved("command.kill", commands.Kill),
    Saved("refusal", control.Refusal),
    Saved("notice", control.Notice),
    Saved("arm", control.Arm),
    Saved("evidence", control.Evidence),
    Saved("found", control.Found),
    Saved("sample", samples.Sample),
    Saved("maturity", control.Maturity),
    Saved("affected", control.Affected),
)
EVALUATION = (
    Saved("judge", evaluation_state.EvaluationState),
    Saved("judge.roster", Roster, ("slots", "slis"), version=2, upgrades={1: without("together")}),
    Saved("slots", series_index.SeriesIndex, ("dimensions", "grains", "names", "together"), added={"together": tuple}),
    Saved("reported", series_index.SliceSeries),
    Saved("judge.delays", label_delays.LabelDelays),
    Saved("judge.delay", label_delays.Delays),
    Saved("verdict", Verdict),
)
RELEASE = (
    Saved(
        "model",
        model.Model,
        version=3,
        upgrades={1: renamed({"speaker": "writer", "trials": "releases"}), 2: without("doubted")},
    ),
    Saved("model.lately", model.Lately),
    Saved("model.incident", model.Incident, version=2, upgrades={1: renamed({"told": "alerted"})}),
    Saved("model.overflow", model.Overflow),
    Saved("model.speaker", event_writer.EventWriter),
    Saved("model.alerts", alerts.Alerts),
    Saved("model.firing", alerts.Firing, version=2, upgrades={1: renamed({"told": "earlier"})}),
    Saved("model.muted", alerts.Muted),
    Saved("model.served", traffic.Served),
    Saved("model.belief", traffic.Belief),
    Saved("release", state.ReleaseState, version=3, upgrades={1: with_state, 2: renamed({"release": "declared"})}),
    Saved("release.serving", phase_states.Serving),
    Saved("release.rolling_out", phase_states.RollingOut),
    Saved("release.promoted", phase_states.Promoted),
    Saved("release.rolled_back", phase_states.RolledBack),
    Saved("release.verifying", phase_states.Verifying),
    Saved("release.recovered", phase_states.Recovered),
    Saved("release.ineffective", phase_states.Ineffective),
    Saved("release.overridden", phase_states.Overridden),
    Saved("release.times", phase_states.Times),
    Saved("release.leaving", phase_states.Leaving),
    Saved("release.left", phase_states.Left),
    Saved("release.cause", cause.Cause, version=2, upgrades={1: with_level}),
    Saved("release.level", cause.Level),
    Saved("release.gone", traffic_gone.Gone),
    Saved("release.health", recovery_test.Health),
    Saved("release.excess", traffic_share.Excess),
    Saved("release.replaced", replaced.Replaced, version=2, upgrades={1: renamed({"told": "alerted"})}),
    Saved("release.first_served", replaced.FirstServed),
    Saved("release.past", historical.Past),
    # A split of an older store has begun, and counts on.
    Saved("release.split", TrafficSplit, ("shares", "counts", "p_min", "begins"), added={"begins": lambda: 0}),
)
RULES = (
    Saved("ring", Ring, ("hop_panes", "sli", "hop", "hops", "totals")),
    Saved(
        "estimate_bounds",
        EstimateBounds,
        ("block_panes", "known_panes", "block", "pane", "answers", "labels", "seen", "came"),
        added={"came": lambda: None},
    ),
    Saved(
        "standing",
        SeriesState,
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
            "ago",
            "rows",
            "slots",
        ),
        version=2,
        added={"ago": lambda: None},
        upgrades={1: sparse},
    ),
)  # fmt: skip
CANARY = (
    Saved("rule.canary", Canary),
    Saved("rule.compared", Compared),
    Saved(
        "canary",
        canary.CanaryEvaluator,
        (
            "rule", "pane_ms", "blip_panes", "terms", "slis", "finest", "grains", "processes", "of",
            "series", "strata", "blip", "words", "bad", "proofs", "announced", "at_once", "labelled",
            "dimensions", "limits", "columns", "blipped", "exceeding", "weights", "log",
            "guard", "spent", "recurring", "raters", "shares", "doubts", "waits", "cold", "served",
        ),
        added={
            "weights": dict, "log": evidence_log.EvidenceLog, "recurring": dict, "raters": dict, "doubts": dict,
            "waits": dict, "cold": dict, "served": list,
        },
        derived=(
            "index", "kept", "releases", "live", "gathered", "pooled", "places", "leaves", "pair_places",
            "process_places", "placed", "shown", "announced_columns", "dropped", "results", "resting", "alphas",
            "level_columns", "_slices",
        ),
        version=6,
        upgrades={
            1: canary_upgrades.without_measures, 2: canary_upgrades.without_guard, 3: canary_upgrades.without_shares,
            4: renamed({"_told": "_announced"}), 5: canary_upgrades.without_underscores,
        },
    ),
    Saved("canary.release", comparison.Comparison),
    Saved("canary.exceeding", exceeding.Exceeding),
    Saved("canary.values", ValueHistory),
    Saved("canary.weights", SliceWeights),
    Saved("canary.spending", Spending),
    Saved("canary.recurring", Recurring),
    Saved("canary.guard", Guard, ("processes", "of")),
    Saved("canary.shares", LabelShares, ("tolerance", "young", "old", "late", "missing")),
    Saved(
        "canary.stratified",
        StratifiedProcesses,
        ("processes", "dimensions", "grains", "most", "of", "strata"),
        derived=("_index", "kept"),
    ),
    Saved("canary.limit", exceeding.Limit),
    Saved(
        "canary.labelled",
        Labelled,
        ("slis", "pane_ms", "least", "age_panes", "cohorts"),
        derived=("_asked", "_last"),
    ),
    Saved("canary.cohorts", cohorts.Cohorts),
    Saved("canary.pace", LabelPace),
    Saved("canary.stretch", cohorts.Stretch),
    Saved("canary.log", evidence_log.EvidenceLog, ("shown", "strata")),
    Saved("canary.shown", evidence_log.Shown),
    Saved("canary.process", evidence_log.Process),
    Saved("canary.levels", canary_verdict.Levels),
    Saved("canary.terms", canary_verdict.Terms),
    Saved(
        "canary.processes",
        EProcesses,
        (
            "tolerance", "margin", "log_cap", "grid", "at_tolerance", "log_m", "peaks", "log_learned", "log_e_peak",
            "weighted", "total", "adjusted", "counts", "blocks", "since", "_relapse", "_run", "_run_since", "_run_best",
        ),
    ),
    Saved(
        "canary.strata",
        Strata,
        ("names", "pending", "events", "seen", "most", "until", "panes", "first"),
        version=2,
        upgrades={1: without_windows},
    ),
)  # fmt: skip
MONITORS = (
    Saved("monitors", drift_monitors.MonitorsState, version=2, upgrades={1: renamed({"told": "stored"})}),
    Saved(
        "monitors.sums",
        window_sums.Sums,
        ("slots", "rows", "counts", "moments", "ranges", "offenders", "empty", "users", "began"),
        added={"users": lambda: None, "began": lambda: None},
    ),
    Saved("monitors.past", LastWeek, ("bins", "fields", "kept")),
    Saved("monitors.contracts", Contracts, ("broken", "seen")),
    Saved("monitors.finding", contract_breach.ContractBreach),
    Saved(
        "monitors.changes",
        change_monitor.Changes,
        (
            "monitor", "field", "_pane_ms", "_grains", "_sli", "_measure", "_unit", "_axis", "_kind", "watches",
            "_feature", "_zone",
        ),
        added={"_feature": lambda: None, "_zone": lambda: UTC},
        derived=("asks", "_series_kind", "_firing", "_known", "_names"),
    ),
    Saved("monitors.watch", change_monitor.Watch),
    Saved("monitors.offender", monitors.Offender),
    Saved("monitors.column", monitors.WatchedColumn),
    Saved("monitors.unchanged", unchanged.Unchanged),
    Saved("monitors.stored", unchanged.StoredWords),
    Saved("drifted", results.Drift),
    Saved("heard", results.Heard),
    Saved("scale", standard.Scale),
    Saved("season", season.Season),
    Saved("standardiser", standard.Standardiser),
)  # fmt: skip
KINDS = [saved for kind in (*RULE_KINDS.values(), *MONITOR_KINDS.values()) for saved in kind.saved]
REGISTRY = Registry([*KINDS, *INPUT, *PANES, *CONTROL, *EVALUATION, *RELEASE, *RULES, *CANARY, *MONITORS])
