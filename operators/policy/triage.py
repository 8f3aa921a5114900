"""`[triage]`: what makes a request a case, and how much the case weighs."""

from typing import Annotated

import msgspec
from msgspec import Meta

from operators.policy.reading import Name, Positive

Severity = Annotated[float, Meta(ge=0, le=1_000)]
Number = Annotated[float, Meta(ge=-1e12, le=1e12)]
Similar = Annotated[float, Meta(ge=0.5, lt=1)]  # Texts with less in common would not be found.
CAUSES = ("retrieval_miss", "hallucination", "format_break", "refusal", "tool_failure", "safety", "other")


class Severities(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[triage] severity`: how bad each kind of signal is; a signal of 0 makes no case.

    `safety` is for safety feedback and unsafe flags, `contract` for requests that offend against a contract, `control`
    for those that a control event names.
    """

    safety: Severity = 16.0
    report: Severity = 4.0
    judge: Severity = 2.0
    thumbs: Severity = 1.0
    edit: Severity = 0.0
    abandon: Severity = 0.0
    flag: Severity = 2.0
    error: Severity = 2.0
    contract: Severity = 2.0
    control: Severity = 2.0


class Triage(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[triage]`: cases are made of the signals of the last `days` before the newest item that is stored.

    A judge's score is a signal at `low` or below, or at its criterion's limit in `low_of`. Safety feedback is one from
    `unsafe_from` on, unless its criterion is in `low_of`, or as a word other than safe. Flags and error types make
    cases where they are named. Texts that share at least `similar` of their three-word sequences are near duplicates.
    A run adds at most `cases_max` new cases.
    """

    days: Positive = 30
    low: Number = 2.0
    low_of: dict[str, Number] = {}
    unsafe_from: Number = 0.5
    unsafe_flags: tuple[str, ...] = ("unsafe", "toxic")
    flags: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    similar: Similar = 0.6
    cases_max: Positive = 10_000
    root_causes: tuple[Name, ...] = CAUSES
    severity: Severities = Severities()
