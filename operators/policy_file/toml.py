"""Read a policy from TOML and check it: an error names the key, its value and what is allowed there."""

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from operators.policy.command_keys import Commands
from operators.policy.dead_letters import DeadLetters
from operators.policy.dedup import Dedup
from operators.policy.enrich import Enrich
from operators.policy.errors import PolicyError
from operators.policy.evaluators import Evaluate
from operators.policy.fields import read
from operators.policy.keys import checked
from operators.policy.measures import FIELDS_ALLOWED, Measure, is_field
from operators.policy.otel import Otel, checked_mapping
from operators.policy.policy import RUNBOOKS, Policy
from operators.policy.privacy import Archive, Privacy
from operators.policy.reading import SPAN_MS_MAX, UNITS_MS, Duration, Name, Positive, convert
from operators.policy.triage import Triage
from operators.policy.watched import watched_by
from operators.policy.worker import Worker
from operators.policy_file.defaults import SLICES, TIME, defaulted, with_defaults
from operators.policy_file.evaluators import answer_evaluators_of
from operators.policy_file.monitors import DriftTable, Profiles, monitors_of, paths_of
from operators.policy_file.rules import releases_of, rules_of
from operators.policy_file.slis import bound, sli_of
from operators.policy_file.windows import WindowsTable, reports_of, shape_of, windows_of
from operators.wire.events import Id

# Decimal digits kept of each measure: sums are integers, so that they do not depend on the order of adding.
DIGITS = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 9}
DIGITS_DEFAULT = 6
BEHIND_MS = 60_000

SHAPE = ("time", "slices", "windows", "measures", "sli")  # The tables that decide which counts are kept.


class _Idle(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    events: Duration = Duration("30s")
    feedback: Duration = Duration("5s")
    commands: Duration = Duration("1s")


class _Time(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pane: Duration = Duration(TIME["pane"])
    disorder: Duration = Duration(TIME["disorder"])
    late_horizon: Duration = Duration(TIME["late_horizon"])
    future_tolerance: Duration = Duration(TIME["future_tolerance"])
    outliers: Annotated[int, Meta(ge=0, le=100)] = 10
    behind_max: Duration | None = None
    stored: Duration | None = None
    idle: _Idle = _Idle()


class Crosses(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """`[slices]`: the dimensions, their reported combinations, and the limits on series."""

    dimensions: tuple[Name, ...] = tuple(SLICES["dimensions"])
    crosses: list[list[str]] = []
    series_max: Positive = 2_000
    versions_max: Positive = 100
    models_max: Positive = 1_000
    error_types_max: Positive = 100


class _Measures(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    names: list[str] = []


class PolicyTables(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A file with its defaults filled in (`defaults.py`)."""

    runbook_base: Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^\S+$")] = RUNBOOKS
    models: tuple[Id, ...] = ()
    time: _Time
    slices: Crosses
    windows: WindowsTable
    measures: _Measures
    sli: dict[Name, Any] = {}
    dead_letters: DeadLetters = DeadLetters()
    privacy: Privacy = Privacy()
    archive: Archive = Archive()
    enrich: dict[str, Any] = {}
    evaluate: dict[str, Any] = {}
    evaluator: list[dict[str, Any]] = []
    dedup: dict[str, Any] = {}
    otel: Otel = Otel()
    triage: Triage = Triage()
    worker: Worker = Worker()
    rule: list[dict[str, Any]] = []
    release: dict[str, Any] = {}
    commands: Commands = Commands()
    drift: DriftTable = DriftTable()
    monitor: list[dict[str, Any]] = []


def profiles_named(text: str) -> list[str]:
    """Return the profiles that a policy names, whose contents `parse` needs. PolicyError: not TOML."""
    return paths_of(tables_of(text))


def tables_of(text: str) -> dict[str, Any]:
    """Return the tables of a policy file. PolicyError: not TOML."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError("policy", "", f"is not TOML: {error}") from error


def parse(text: str, profiles: Mapping[str, bytes] | None = None) -> Policy:
    """Return the policy that TOML `text` describes. PolicyError names the first thing that is wrong.

    `profiles` are the contents of the files that it names, by name.
    """
    return parse_tables(tables_of(text), text, profiles)


def parse_tables(written: dict[str, Any], text: str, profiles: Mapping[str, bytes] | None = None) -> Policy:
    """Return the policy of some tables, which are those of `text` and perhaps more. PolicyError."""
    raw = with_defaults(written)
    file = convert(raw, PolicyTables, "")
    _check_time(file, raw)
    if math.isnan(file.dead_letters.share_max):
        raise PolicyError("dead_letters.share_max", file.dead_letters.share_max, "must be between 0 and 1")
    policy = Policy(
        pane_ms=file.time.pane.ms,
        disorder_ms=file.time.disorder.ms,
        late_horizon_ms=file.time.late_horizon.ms,
        future_ms=file.time.future_tolerance.ms,
        outliers=file.time.outliers,
        behind_ms=_behind_ms(file.time),
        dimensions=file.slices.dimensions,
        grains=_grains(file.slices),
        series_max=file.slices.series_max,
        versions_max=file.slices.versions_max,
        models_max=file.slices.models_max,
        error_types_max=file.slices.error_types_max,
        windows=windows_of(file.windows, raw, file.time.pane),
        measures=_measures(file.measures.names),
        slis=bound([sli_of(name, sli) for name, sli in file.sli.items()], file.slices.dimensions),
        dead_letters=file.dead_letters,
        privacy=file.privacy,
        archive=file.archive,
        enrich=read(Enrich, file.enrich, "enrich", None),
        evaluate=read(Evaluate, file.evaluate, "evaluate", None),
        evaluators=answer_evaluators_of(file.evaluator),
        dedup=read(Dedup, file.dedup, "dedup", None),
        otel=checked_mapping(file.otel),
        triage=file.triage,
        worker=file.worker,
        hash=hash_of(raw),
        runbook_base=file.runbook_base,
        idle_ms={name: getattr(file.time.idle, name).ms for name in _Idle.__struct_fields__},
        shape=_shape(raw),
        rest=_shape(raw, but=("measures", "sli")),
        frame=_shape(raw, but=("measures", "sli", "dimensions", "crosses", "windows")),
        text=text,
        models=file.models,
        left_out=tuple(defaulted(written)),
        commands=checked(file.commands),
    )
    policy = msgspec.structs.replace(
        policy, reports=reports_of(file.windows, raw, policy), stored_ms=_stored_ms(file.time, raw, policy)
    )
    releases = releases_of(file.release, policy)
    policy = _monitored(policy, file, Profiles(profiles or {}))
    return msgspec.structs.replace(policy, rules=rules_of(file.rule, policy), releases=releases)


def _monitored(policy: Policy, file: PolicyTables, profiles: Profiles) -> Policy:
    """Return the policy with its monitors and what they watch; what profiles hold is a part of the policy."""
    monitors, waiting = monitors_of(file.monitor, file.drift, policy, profiles)
    watched = watched_by(monitors, profiles.by_name(), policy.slis)
    policy = msgspec.structs.replace(policy, waiting=waiting)
    if not monitors and not watched:
        return policy
    kept = [(each.name, each.model, each.profile) for each in watched]
    return msgspec.structs.replace(
        policy,
        monitors=monitors,
        watched=watched,
        sampling=file.drift.sampling,
        timezone=file.drift.timezone,
        hash=hash_of([policy.hash, sorted(profiles.by_name())]),
        shape=hash_of([policy.shape, kept]) if kept else policy.shape,
        rest=hash_of([policy.rest, kept]) if kept else policy.rest,
        frame=hash_of([policy.frame, kept]) if kept else policy.frame,
    )


def _shape(raw: dict[str, Any], but: Sequence[str] = ()) -> str:
    kept = {key: raw[key] for key in SHAPE if key in raw and key not in but}
    # The limit on models decides whose counts are kept, which changes at any time, and not which counts are kept.
    slices = {key: value for key, value in raw["slices"].items() if key not in ("models_max", *but)}
    # Which partitions are waited for, and how many events move time, decide when panes close, not what is kept; nor do
    # the length of the panes in the store, and which rows of windows are stored.
    apart = ("idle", "outliers", "behind_max", "stored")
    time = {key: value for key, value in raw["time"].items() if key not in apart}
    windows = {} if "windows" in but else {"windows": shape_of(raw["windows"])}
    return hash_of(kept | windows | {"slices": slices, "time": time})


def hash_of(raw: object) -> str:
    """Return a hash that names some values of a policy, whatever the order of its keys."""
    return hashlib.sha256(msgspec.json.encode(raw, order="sorted")).hexdigest()[:16]


def _check_time(file: PolicyTables, raw: dict[str, Any]) -> None:
    pane = file.time.pane.ms
    if not 100 <= pane <= UNITS_MS["d"]:
        raise PolicyError("time.pane", raw["time"]["pane"], "must be between 100ms and 1d")
    if UNITS_MS["d"] % pane:
        raise PolicyError("time.pane", raw["time"]["pane"], "must divide one day, so that windows start on it")
    if file.time.late_horizon.ms < file.time.disorder.ms:
        raise PolicyError(
            "time.late_horizon",
            raw["time"]["late_horizon"],
            f"must be at least time.disorder ({raw['time']['disorder']})",
        )
    if _behind_ms(file.time) < file.time.disorder.ms:
        raise PolicyError(
            "time.behind_max", raw["time"]["behind_max"], f"must be at least time.disorder ({raw['time']['disorder']})"
        )
    if file.time.late_horizon.ms > SPAN_MS_MAX:
        raise PolicyError("time.late_horizon", raw["time"]["late_horizon"], "must be at most 366d")


def _behind_ms(time: _Time) -> int:
    """Return how far behind the broker's clock a partition may be; by default a minute, or 2 * `disorder` if longer."""
    return max(BEHIND_MS, 2 * time.disorder.ms) if time.behind_max is None else time.behind_max.ms


def _stored_ms(time: _Time, raw: dict[str, Any], policy: Policy) -> int | None:
    if time.stored is None:
        return None
    value, stored = raw["time"]["stored"], time.stored.ms
    if not stored or stored % time.pane.ms or UNITS_MS["h"] % stored:
        raise PolicyError(
            "time.stored", value, f"must be a multiple of time.pane ({time.pane.text}) and divide an hour"
        )
    if time.pane.ms < stored > max((window.size_ms for window in policy.windows), default=0):
        # After a restart, what is not stored yet is made from the panes that are kept for windows.
        raise PolicyError("time.stored", value, "must be at most the longest of [windows]")
    return stored


def _grains(slices: Crosses) -> tuple[tuple[int, ...], ...]:
    """`*`, every dimension alone, then the crosses, each once."""
    names = list(slices.dimensions)
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PolicyError("slices.dimensions", name, "is named twice")
    grains: list[tuple[int, ...]] = [(), *((index,) for index in range(len(names)))]
    for cross in slices.crosses:
        for name in cross:
            if name not in names:
                raise PolicyError("slices.crosses", name, f"must be one of slices.dimensions {names}")
        grain = tuple(sorted({names.index(name) for name in cross}))
        if len(grain) != len(cross) or len(grain) < 2:
            raise PolicyError("slices.crosses", cross, "must name two or more different dimensions")
        if grain in grains:
            raise PolicyError("slices.crosses", cross, "is named twice")
        grains.append(grain)
    return tuple(grains)


def _measures(names: list[str]) -> tuple[Measure, ...]:
    for index, name in enumerate(names):
        if not is_field(name):
            raise PolicyError("measures.names", name, FIELDS_ALLOWED)
        if name in names[:index]:
            raise PolicyError("measures.names", name, "is named twice")
    return tuple(Measure(name=name, digits=DIGITS.get(name, DIGITS_DEFAULT)) for name in names)
