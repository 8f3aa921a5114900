"""The open alerts among the events of one version: the same as query `alerts` gives for many, without a query."""

from collections import defaultdict
from collections.abc import Sequence

from flows.page.store import Row

OWN = ("release", "override")  # Rules of rollguard's own, whose alerts do not stay open.
SEVERITIES = {"page": 0, "ticket": 1}
NOTHING = {"severity": "", "at": 0, "worst": "", "reason": "", "id": ""}


def firing(events: Sequence[Row]) -> list[Row]:
    """Return the open alerts, the worst and oldest first; `events` are all those of one version, in any order.

    >>> alert = {"type": "alert", "state": "firing", "model": "m", "version": "v", "rule": "r", "severity": "page"}
    >>> alert |= {"worst": "*", "acked": 0, "silenced": 0, "reason": "", "runbook": "", "id": "a", "at": 5}
    >>> alert |= {"revision": 1}
    >>> [(each["rule"], each["since"], each["event"]) for each in firing([alert])]
    [('r', 5, 'a')]
    >>> firing([alert, alert | {"state": "resolved", "revision": 2}])
    []
    """
    by_rule: dict[str, list[Row]] = defaultdict(list)
    for event in sorted(events, key=lambda each: each["revision"]):
        rule = event["rule"]
        if event["type"] != "alert" or rule in OWN or rule.startswith("commands:"):
            continue
        if event["state"] == "resolved":
            by_rule.pop(rule, None)
        else:
            by_rule[rule].append(event)
    alerts = [_alert(some) for some in by_rule.values()]
    return sorted(alerts, key=lambda each: (SEVERITIES.get(each["severity"], 2), each["since"], each["rule"]))


def _alert(events: Sequence[Row]) -> Row:
    """Return one alert from its events, the oldest first: when it fired, went on firing, or was acknowledged."""
    latest = next((event for event in reversed(events) if not event["acked"]), NOTHING)
    acked = next((event for event in reversed(events) if event["acked"]), None)
    last = events[-1]
    return {
        "model": last["model"],
        "version": last["version"],
        "rule": last["rule"],
        "severity": latest["severity"],
        "since": min(event["at"] for event in events),
        "told_at": latest["at"],
        "worst": latest["worst"],
        "is_acked": int(acked is not None),
        "is_silenced": last["silenced"],
        "acked_by": "" if acked is None else acked["reason"],
        "why": latest["reason"],
        "runbook_at": last["runbook"],
        "event": latest["id"],
    }
