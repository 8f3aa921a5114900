"""Which alerts fire, of all that was said of one version: what question `alerts` says of many, without asking it."""

from collections import defaultdict
from collections.abc import Sequence

from flows.page.store import Row

OWN = ("release", "override")  # Rules that nobody wrote: what they say is no alert that stays open.
SEVERITIES = {"page": 0, "ticket": 1}
NOTHING = {"severity": "", "at": 0, "worst": "", "reason": "", "id": ""}


def firing(events: Sequence[Row]) -> list[Row]:
    """Return the open alerts, the worst and oldest first; `events` are all those of one version, in any order.

    >>> told = {"type": "alert", "state": "firing", "model": "m", "version": "v", "rule": "r", "severity": "page"}
    >>> told |= {"worst": "*", "acked": 0, "silenced": 0, "reason": "", "runbook": "", "id": "a", "at": 5}
    >>> told |= {"revision": 1}
    >>> [(each["rule"], each["since"], each["event"]) for each in firing([told])]
    [('r', 5, 'a')]
    >>> firing([told, told | {"state": "resolved", "revision": 2}])
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
    alerts = [_alert(told) for told in by_rule.values()]
    return sorted(alerts, key=lambda each: (SEVERITIES.get(each["severity"], 2), each["since"], each["rule"]))


def _alert(told: Sequence[Row]) -> Row:
    """Return one alert by what was said of it, the oldest first: when it fired, fired on, or was acknowledged."""
    said = next((event for event in reversed(told) if not event["acked"]), NOTHING)
    acked = next((event for event in reversed(told) if event["acked"]), None)
    last = told[-1]
    return {
        "model": last["model"],
        "version": last["version"],
        "rule": last["rule"],
        "severity": said["severity"],
        "since": min(event["at"] for event in told),
        "told_at": said["at"],
        "worst": said["worst"],
        "is_acked": int(acked is not None),
        "is_silenced": last["silenced"],
        "acked_by": "" if acked is None else acked["reason"],
        "why": said["reason"],
        "runbook_at": last["runbook"],
        "event": said["id"],
    }
