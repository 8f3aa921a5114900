"""A release in one paragraph: what was decided, how surely, where, and what is still needed."""

from collections.abc import Mapping, Sequence

from flows.page.store import Row
from flows.page.words import clock, count, named, odds, percent, points, span
from operators.texts import age

TITLES = {
    "rollback without effect": "{version} is rolled back{to}, and that has not helped",
    "rolling back": "{version} is being rolled back{to}",
    "traffic moved": "{version} was rolled back{to}; whether users are well again is being checked",
    "recovered": "{version} was rolled back{to}, and users are well again",
    "held": "{version} is held beside {baseline}",
    "rolling out": "{version} is rolling out beside {baseline}",
    "promoted": "{version} was promoted over {baseline}",
    "runs by override": "{version} runs by override, whatever the rules say",
}
TAKING_OUT = ("rollback", "kill", "rollback_ineffective")  # Events that say where a version's traffic goes.


def title(version: str, baseline: str, word: str, decision: Row | None = None) -> str:
    """Return the heading of a release; `decision` is the newest event that took the version out.

    Its pin says where the traffic goes: a person or a rule may name a version other than the baseline. Without a pin
    the version was killed, or the pin was lifted.

    >>> title("v2", "v1", "recovered", {"pin": "rules"})
    'v2 was rolled back to rules, and users are well again'
    >>> title("v2", "v1", "rolling back", {"pin": None})
    'v2 is being taken out'
    """
    text = TITLES.get(word, "{version}: " + word)
    if decision is not None and not decision["pin"]:
        text = text.replace("rolled back{to}", "taken out")
    before = baseline or "what served before"
    return text.format(version=version, baseline=before, to=f" to {before if decision is None else decision['pin']}")


def proof(cell: Row, alone: bool) -> str:
    """Return one comparison in words, with its counts, bounds and odds, and what would decide it."""
    candidate, baseline = _share(cell, "candidate"), _share(cell, "baseline")
    return (
        f"{'Worst in' if alone else 'In'} {named(cell['slice'])}: {cell['name']}: {_of(cell, 'candidate')} bad "
        f"({percent(candidate)}), against {_of(cell, 'baseline')} ({percent(baseline)}) on {cell['baseline']}. "
        f"{certain(cell)} This comparison alone: {odds(cell['log_e_peak'])} against “no worse”; "
        f"{odds(cell['needed_log_e'])} decides."
    )


def certain(cell: Row) -> str:
    """Return how much worse a candidate surely is."""
    lower, upper = cell["lower"], cell["upper"]
    if lower is None or upper is None:
        return "Nothing is compared yet."
    if lower > 0:
        return f"Surely worse by {100 * lower:.1f} to {100 * upper:.1f} points."
    return f"Between {points(lower)} and {points(upper)} points worse."


def unsure(beyond: Sequence[Row]) -> str:
    """Return why comparisons past the line are undecided; `beyond` are these comparisons."""
    if not beyond:
        return ""
    worst = max(beyond, key=lambda cell: cell["log_e_peak"])
    return (
        f"By its labels {worst['name']} is worse in {named(worst['slice'])}, {odds(worst['log_e_peak'])}; "
        "by its requests not surely: those that have no label yet may be good. "
        "It is decided when enough of them have one."
    )


def undecided(cells: Sequence[Row]) -> str:
    """Return how many requests the slowest comparison of all traffic still needs, and how long that takes."""
    waiting = [cell for cell in cells if cell["slice"] == "*" and cell["verdict"] == "INSUFFICIENT"]
    if not waiting:
        return ""
    without = [cell["name"] for cell in waiting if not cell["n"]]
    known = [cell for cell in waiting if cell["n"] and cell["decides_in"] is not None]
    parts = []
    if known:
        slowest = max(known, key=_lasts_ms)
        missing = f"{slowest['name']} needs about {count(slowest['decides_in'])} more requests of the candidate"
        parts.append(f"{missing}, {age(round(_lasts_ms(slowest)))} at the pace so far")
    if without:
        parts.append(f"nothing has come for {', '.join(without)}")
    return "Not decided: " + "; ".join(parts) + "." if parts else "Not decided."


def holds(held_by: Mapping[str, str], events: Sequence[Row]) -> list[Row]:
    """Return the rules that hold a promotion, each with why and where from its newest event; `events` are newest first.

    >>> held = {"type": "hold", "state": "firing", "rule": "drift", "worst": "region=eu"}
    >>> holds({"drift": "hold"}, [held | {"reason": "new"}, held | {"reason": "old"}])
    [{'rule': 'drift', 'how': 'hold', 'why': 'new', 'slice': 'region=eu'}]
    """
    newest = {each["rule"]: each for each in reversed(events) if (each["type"], each["state"]) == ("hold", "firing")}
    nothing = {"reason": "", "worst": ""}
    return [
        {"rule": rule, "how": how, "why": event["reason"], "slice": event["worst"]}
        for rule, how in sorted(held_by.items())
        for event in [newest.get(rule, nothing)]
    ]


def _lasts_ms(cell: Row) -> float:
    """Return how long the missing requests take to come, at the rate of the compared ones."""
    return float((cell["at"] - cell["began"]) / cell["n"] * cell["decides_in"])


def cause(findings: Sequence[Row], found: Sequence[Row], until: int, how: str = "before") -> str:
    """Return what monitors found first on the candidate alone, in the words of events where they have `findings`.

    `until` is the time of the rollback; `how` says how the finding relates to any other time, such as `ago` for now.
    """
    alone = [(each["since"], each["words"], each["slice"]) for each in findings] or [
        (each["first"], each["text"], each["slice"]) for each in found if each["only"]
    ]
    earlier = [each for each in alone if each[0] <= until]
    if not earlier:
        return ""
    since, words, text = min(earlier, key=lambda each: (each[0], each[2] == "*"))
    before = f", {span(until - since)} {how}" if until > since else ""
    return f"Earlier, and only on the candidate: {words} in {named(text)}, {clock(since)}{before}."


def _share(cell: Row, arm: str) -> float | None:
    n = cell[f"{arm}_good"] + cell[f"{arm}_bad"]
    return cell[f"{arm}_bad"] / n if n else None


def _of(cell: Row, arm: str) -> str:
    bad, n = cell[f"{arm}_bad"], cell[f"{arm}_good"] + cell[f"{arm}_bad"]
    return f"{count(bad)} of {count(n)}"
