"""Cases: all signals on one request, with what was asked and answered; and which cases show the same failure.

The cases are a function of what is stored: signals, requests, and the cases made before, whose texts and signals
outlive the request log. Nothing depends on how often, or when, cases are made.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from operators.policy.policy import Policy
from operators.triage.near_duplicates import leaders
from operators.triage.signals import SIGNALS_MAX, Signal, is_unsafe, severity_of
from operators.window.series_index import slice_text

NAMESPACE = uuid.UUID("6d2b6f0e-0f4c-5b5e-9a1e-5d1f6f0c7a41")
Place = tuple[str, str]  # Model and request_id.


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the request log has it, or as its signals describe it: `ts` is Unix ms."""

    model: str
    version: str
    request_id: str
    ts: int
    dims: dict[str, str] = {}
    user_id: str = ""
    trace_id: str = ""
    prompt_version: str = ""
    prediction: str = ""
    input: str = ""
    output: str = ""


class Case(Asked, frozen=True, kw_only=True):
    """A case: its signals, the worst of them, and the case that leads its cluster."""

    id: str
    slice: str
    signals: tuple[Signal, ...]
    reason: str
    severity: float
    unsafe: bool
    cluster: str = ""
    ver: int = 0

    @property
    def first_signal(self) -> int:
        return self.signals[0].at

    @property
    def last_signal(self) -> int:
        return self.signals[-1].at


class RequestSignal(msgspec.Struct, frozen=True, kw_only=True):
    """A signal and the request that it is about, as far as the signal describes it."""

    signal: Signal
    asked: Asked


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """All cases, in order; how many new ones were left out; and those that differ from what is stored."""

    cases: Sequence[Case]
    left_out: int
    changed: Sequence[Case]


def id_of(model: str, request_id: str) -> str:
    """Return the id of the case of a request: the same for ever."""
    return str(uuid.uuid5(NAMESPACE, msgspec.json.encode([model, request_id]).decode()))


def make(
    received: Iterable[RequestSignal], requests: Mapping[Place, Asked], stored: Sequence[Case], policy: Policy
) -> Made:
    """Return the cases of some signals and of those that were stored before.

    `requests` are those of the request log; one that it no longer has is taken from the stored case, or the signals.
    """
    before = {(case.model, case.request_id): case for case in stored}
    signals: dict[Place, set[Signal]] = {place: set(case.signals) for place, case in before.items()}
    asked: dict[Place, Asked] = {}
    for each in received:
        place = (each.asked.model, each.asked.request_id)
        signals.setdefault(place, set()).add(each.signal)
        asked.setdefault(place, each.asked)
    kept = [
        _case(requests.get(place) or before.get(place) or asked[place], sorted(some), policy)
        for place, some in signals.items()
    ]
    cases, left_out = _within(kept, before, policy.triage.cases_max)
    clustered = _clustered(sorted(cases, key=_age), policy.triage.similar)
    written = {case.id: case.ver for case in stored}
    numbered = [msgspec.structs.replace(case, ver=written.get(case.id, 0)) for case in clustered]
    known = {case.id: case for case in stored}
    changed = [case for case in numbered if known.get(case.id) != case]
    return Made(cases=numbered, left_out=left_out, changed=changed)


def _case(asked: Asked, signals: Sequence[Signal], policy: Policy) -> Case:
    # The worst signal, and the earliest of several, gives the case its reason.
    worst = min(signals, key=lambda each: (-severity_of(each, policy.triage), each))
    fields = {name: getattr(asked, name) for name in Asked.__struct_fields__}
    return Case(
        **fields,
        id=id_of(asked.model, asked.request_id),
        slice=slice_text([(name, asked.dims.get(name, "")) for name in (policy.of(asked.model) or policy).dimensions]),
        signals=_kept(signals),
        reason=worst.reason,
        severity=severity_of(worst, policy.triage),
        unsafe=any(is_unsafe(each, policy.triage) for each in signals),
    )


def _kept(signals: Sequence[Signal]) -> tuple[Signal, ...]:
    """Return the first signals and the last one, so that the case still says since when and until when."""
    return tuple(signals) if len(signals) <= SIGNALS_MAX else (*signals[: SIGNALS_MAX - 1], signals[-1])


def _within(cases: list[Case], before: Mapping[Place, Case], new_max: int) -> tuple[list[Case], int]:
    """Return the cases that were there before and at most `new_max` new ones, the worst; and how many are left out."""
    new = [case for case in cases if (case.model, case.request_id) not in before]
    if len(new) <= new_max:
        return cases, 0
    new.sort(key=lambda case: (not case.unsafe, -case.severity, *_age(case)))
    out = {case.id for case in new[new_max:]}
    return [case for case in cases if case.id not in out], len(out)


def _age(case: Case) -> tuple[int, str]:
    return case.first_signal, case.id


def _clustered(cases: Sequence[Case], similar: float) -> list[Case]:
    """Return cases, the oldest first, each with its cluster: near duplicates of one model, slice and reason."""
    groups: dict[tuple[str, str, str], list[Case]] = {}
    for case in cases:
        groups.setdefault((case.model, case.slice, case.reason), []).append(case)
    cluster: dict[str, str] = {}
    for group in groups.values():
        for case, leader in zip(group, leaders(map(_text, group), similar), strict=True):
            cluster[case.id] = group[leader].id
    return [msgspec.structs.replace(case, cluster=cluster[case.id]) for case in cases]


def _text(case: Case) -> str:
    """Return the text to compare: what was asked and answered, or people's comments if no texts are kept."""
    words = f"{case.input}\n{case.output}".strip() or case.prediction
    return words or "\n".join(each.value for each in case.signals)


def triage_case_columns(case: Case) -> dict[str, Any]:
    """Return a case as a row of table `triage_case`."""
    row = {name: getattr(case, name) for name in Asked.__struct_fields__}
    return {
        **row,
        "id": case.id,
        "slice": case.slice,
        "first_signal": case.first_signal,
        "last_signal": case.last_signal,
        "reasons": sorted({each.reason for each in case.signals}),
        "signals": msgspec.json.encode(case.signals).decode(),
        "reason": case.reason,
        "severity": case.severity,
        "unsafe": int(case.unsafe),
        "cluster": case.cluster,
        "ver": case.ver,
    }


def triage_case_of(row: Mapping[str, Any]) -> Case:
    """Return the case in a row of table `triage_case`."""
    known = {name: row[name] for name in Case.__struct_fields__ if name not in ("signals", "unsafe")}
    signals = msgspec.json.decode(row["signals"], type=tuple[Signal, ...])
    return Case(**known, signals=signals, unsafe=bool(row["unsafe"]))
