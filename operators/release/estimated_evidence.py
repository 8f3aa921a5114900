"""Evidence on an estimated SLI says, wherever it is read, that no label has confirmed it."""

from collections.abc import Iterable, Mapping, Set
from typing import Any

import msgspec

from operators.policy.policy import Policy
from operators.rules.verdict import Verdict
from operators.wire.control import Evidence

ESTIMATE = "estimated from scores, by earlier labels; no label says so yet"


def marked_estimated(fields: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Return the fields of a control event, with a note in the reason of evidence on estimated SLIs."""
    names = policy.estimated
    marked = dict(fields)
    if names and "evidence" in fields:
        marked["evidence"] = _marked(fields["evidence"], names)
    if names and "slices" in fields:
        replace = msgspec.structs.replace
        marked["slices"] = tuple(replace(each, evidence=_marked(each.evidence, names)) for each in fields["slices"])
    return marked


def with_estimates(verdicts: Iterable[Verdict], policy: Policy) -> list[Verdict]:
    """Return verdicts, those on estimated SLIs with a note that says so."""
    names = policy.estimated
    replace = msgspec.structs.replace
    return [
        replace(each, evidence=_marked(each.evidence, names)) if each.evidence.sli in names else each
        for each in verdicts
    ]


def _marked(evidence: Evidence, names: Set[str]) -> Evidence:
    if evidence.sli not in names or evidence.estimated:
        return evidence
    reason = f"{ESTIMATE}, {evidence.reason}" if evidence.reason else ESTIMATE
    return msgspec.structs.replace(evidence, reason=reason, estimated=True)
