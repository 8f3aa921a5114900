"""Completes a policy file: what it leaves out is taken from the default policy.

Missing tables, and missing keys of `[time]`, are those of `flows/policy.toml`. Missing windows are the default ones
that are unions of the file's panes, or one pane where none is. An SLI that a rule names and the file does not define is
that of the default policy; rules and monitors are the file's own alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from operators.policy.reading import Duration

TIME = {"pane": "10s", "disorder": "5s", "late_horizon": "24h", "future_tolerance": "5m"}
STORED = "1m"
SLICES: dict[str, Any] = {"dimensions": ["region", "segment"], "crosses": [["region", "segment"]]}
TUMBLING = ("1m",)
SLIDING = (("5m", "10s"), ("1h", "1m"))
# How often rows of windows of a size are stored: for each dimension, and for crosses, if at all; for `*` always.
REPORTED = {"1m": ("1m", None), "5m": ("1m", "10m"), "1h": ("5m", "1h")}
MEASURES = ["latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd"]
SLIS: dict[str, dict[str, Any]] = {
    "availability": {"good": "no_error", "ignore": ["client_cancelled"]},
    "fast": {"good": "at_most", "field": "latency_ms", "limit": 2000},
    "quality": {"good": "at_least", "field": "feedback.judge", "limit": 4},
    "correct": {"good": "label_matches"},
}


def with_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the TOML values of a policy file, completed; the same where it leaves out nothing."""
    whole = dict(raw)
    time = raw.get("time", {})
    if isinstance(time, dict):
        whole["time"] = {**TIME, **time}
    slices = raw.get("slices", {})
    if isinstance(slices, dict) and "dimensions" not in slices:
        whole["slices"] = {**(SLICES if "crosses" not in slices else {"dimensions": SLICES["dimensions"]}), **slices}
    if "windows" not in raw:
        whole["windows"] = _windows(whole["time"], whole["slices"])
        if "time" not in raw:
            whole["time"]["stored"] = STORED
    whole.setdefault("measures", {"names": list(MEASURES)})
    slis = raw.get("sli", {})
    if isinstance(slis, dict) and (missing := [name for name in _named(raw) if name in SLIS and name not in slis]):
        whole["sli"] = {**slis, **{name: SLIS[name] for name in missing}}
    return whole


def defaulted(raw: Mapping[str, Any]) -> list[str]:
    """Return, in words, what a file takes from the default policy."""
    time = raw.get("time", {})
    found = [f"time.{key}" for key in TIME if isinstance(time, dict) and key not in time]
    found = ["[time]"] if "time" not in raw else found
    slices = raw.get("slices", {})
    if isinstance(slices, dict) and "dimensions" not in slices:
        found.append("slices.dimensions" if "slices" in raw else "[slices]")
    found += [f"[{key}]" for key in ("windows", "measures") if key not in raw]
    slis = raw.get("sli", {})
    return found + [f"SLI {name}" for name in dict.fromkeys(_named(raw)) if name in SLIS and name not in slis]


def _windows(time: Any, slices: Any) -> dict[str, Any]:
    """Return the windows of a file that names none: those of the default policy that its panes add up to."""
    pane = time.get("pane") if isinstance(time, dict) else None
    pane_ms = _ms(pane)
    tumbling: list[Any] = [
        {"size": size, **_report(size, size, slices)} for size in TUMBLING if not _ms(size) % pane_ms
    ]
    pairs = [(size, _longer(every, pane)) for size, every in SLIDING]
    sliding: list[dict[str, Any]] = [
        {"size": size, "every": every, **_report(size, every, slices)} for size, every in pairs
    ]
    fits = [each for each in sliding if not _ms(each["every"]) % pane_ms and not _ms(each["size"]) % _ms(each["every"])]
    return {"tumbling": tumbling or [pane], "sliding": fits}


def _report(size: str, ends: Any, slices: Any) -> dict[str, Any]:
    """Return which rows of a window of this size are stored, by the dimensions and crosses of the file."""
    dimensions, crosses = (
        (list(slices.get(key, [])) for key in ("dimensions", "crosses")) if _good(slices) else ([], [])
    )
    if not dimensions:
        return {}
    each, crossed = REPORTED[size]
    report: list[dict[str, Any]] = [{"slices": ["*"]}, {"slices": dimensions, "every": each}]
    if crosses and crossed is not None:
        report.append({"slices": [",".join(cross) for cross in crosses], "every": crossed})
    return {"report": [one if _fits(one.get("every"), ends) else {"slices": one["slices"]} for one in report]}


def _good(slices: Any) -> bool:
    """Whether dimensions and crosses have the right types; wrong ones are refused elsewhere."""
    if not isinstance(slices, dict):
        return False
    lists = [slices.get("dimensions", []), slices.get("crosses", [])]
    if not all(isinstance(each, list) for each in lists):
        return False
    names = [*lists[0], *(name for cross in lists[1] for name in (cross if isinstance(cross, list) else [None]))]
    return all(isinstance(name, str) for name in names)


def _fits(every: Any, ends: Any) -> bool:
    long, short = sorted((_ms(every), _ms(ends)), reverse=True) if every is not None else (1, 1)
    return not long % short


def _longer(every: str, pane: Any) -> Any:
    return pane if _ms(pane) > _ms(every) else every


def _ms(text: Any) -> int:
    """Return a duration in ms; any number for a wrong one, which is refused elsewhere."""
    try:
        return max(Duration(text).ms, 1)
    except (TypeError, ValueError):
        return 1


def _named(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield the SLIs that rules name, skipping wrong values."""
    rules = raw.get("rule", [])
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, dict):
            some = rule.get("slis", [])
            for name in (rule.get("sli"), rule.get("success"), *(some if isinstance(some, list) else [])):
                if isinstance(name, str):
                    yield name
