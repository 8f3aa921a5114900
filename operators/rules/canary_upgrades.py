"""What was saved of canary rules by older versions, brought up to what they keep now."""

from typing import Any

from operators.rules.canary_state import WINDOW_MS_MAX, cap_of
from operators.rules.guard import Guard
from operators.rules.label_shares import LabelShares
from operators.stats.spending import Spending


def without_measures(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a state saved before there were measures as the state of an evaluator without any."""
    none = {"_limits": (), "_columns": len(fields["_slis"]), "_blipped": fields["_at_once"], "_exceeding": {}}
    return fields | none


def without_guard(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a state saved before slices of outcomes were looked at, when alpha was shared equally, as one of now."""
    rule, columns = fields["rule"], fields["_columns"]
    cap = cap_of(rule)
    equal = dict.fromkeys(range(columns), 1.0 / columns)
    releases = {*fields["_strata"], *(process.release for process in fields["_of"])}
    kept = {name: value for name, value in fields.items() if name != "_levels"}
    return kept | {
        "_guard": Guard(rule.tolerance, rule.margin, cap),
        "_spent": {release: Spending(columns=columns, shares=dict(equal)) for release in releases},
    }


def without_shares(fields: dict[str, Any]) -> dict[str, Any]:
    """Return a state saved before labels were counted per request as one of now: none was counted yet."""
    rule, cap = fields["rule"], cap_of(fields["rule"])
    most = WINDOW_MS_MAX // fields["_pane_ms"]
    return fields | {"_shares": LabelShares(rule, fields["_dimensions"], fields["_grains"], cap, most)}


def without_underscores(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what was saved under private names under those of `CanaryState`.

    >>> without_underscores({"rule": 1, "_of": 2})
    {'rule': 1, 'of': 2}
    """
    return {name.removeprefix("_"): value for name, value in fields.items()}
