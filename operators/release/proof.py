"""Evidence in words: what was counted, against what, and how sure the result is.

One convention: a ratio is always that of bad events, in per cent, even if a rule judges the good ones. "Surely" refers
to bounds at the rule's confidence.
"""

import math
import re

from operators.policy.reading import span
from operators.texts import clock, cut
from operators.wire.control import Arm, Evidence

NAME_MAX = 200  # Characters.
REASON_MAX = 300
RARE = 1e6  # "Less than one in so many releases": beyond this no reader needs the number.
CHANCE_MAX = 0.5  # What chance does more often than this is no proof.
SAME = 1e-9  # Two ratios so close are one.
GONE = "no events since"  # In evidence of an absence.


def line(text: str, longest: int = NAME_MAX) -> str:
    """Return text from outside on one line, cut."""
    return cut(" ".join(text.split()), longest)


def slice_words(text: str) -> str:
    r"""Return a slice as people read it, with quotes around values that are empty or ambiguous.

    >>> slice_words("region=eu,segment=a\\,b"), slice_words("region="), slice_words("*")
    ('region=eu,segment="a,b"', 'region=""', '*')
    """
    parts = re.findall(r"((?:[^,\\=]|\\.)*)=((?:[^,\\]|\\.)*)(?:,|$)", text)
    return line(",".join(f"{_plain(name)}={_quoted(_plain(value))}" for name, value in parts) or text)


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _quoted(value: str) -> str:
    return value if value and not re.search(r'[\s,="]', value) else f'"{value}"'


def percent(share: float) -> str:
    """Return a share in per cent.

    >>> percent(0.05), percent(1.0), percent(0.0), percent(0.99951)
    ('5 %', '100 %', '0 %', '99.95 %')
    """
    of = f"{100 * share:.3g}"
    return f"{of if of != '100' or share == 1 else f'{100 * share:.4g}'} %"


def proof(evidence: Evidence) -> str:
    """Return evidence in words.

    >>> proof(Evidence(measure="p95 of latency_ms", n=90, value=812.5, threshold=500.0, window_ms=300_000))
    'p95 of latency_ms: 812.5 over 5m, of 90 values, where the limit is 500'
    >>> proof(Evidence(sli="ok", good=90, bad=10, value=0.9, lower=0.85, upper=0.93, threshold=0.95, window_ms=300_000))
    'ok: 10 of 100 bad over 5m, 10 %, surely 7 to 15 %, where at most 5 % may be'
    >>> proof(Evidence(n=168, value=0.0, threshold=0.01, log_e=5.0))
    '0 % of 168 requests, where at most 1 % may be'
    """
    name = line(evidence.sli or evidence.measure or "")
    reason = line(evidence.reason or "", REASON_MAX)
    if evidence.reason and evidence.measure and evidence.watermark is not None:
        return reason  # A monitor's reason names what it is about.
    if evidence.reason == GONE and evidence.since is not None:
        return f"{GONE} {clock(evidence.since)}"
    parts = [part for part in (_counted(evidence), reason) if part]
    return ": ".join(part for part in (name, ", ".join(parts)) if part)


def _counted(evidence: Evidence) -> str:
    if evidence.candidate is not None and evidence.baseline is not None:
        return _compared(evidence, evidence.candidate, evidence.baseline)
    if evidence.good is not None and evidence.bad is not None:
        return _ratio(evidence, evidence.good, evidence.bad)
    value, limit, n = evidence.value, evidence.threshold, evidence.n
    if value is None:
        return ""
    if evidence.sli is None and evidence.measure is None and limit is not None and n is not None:
        due = f"at most {percent(limit)} may be" if evidence.p_value is None else f"{percent(limit)} are due"
        return f"{percent(value)} of {n} requests, where {due}"
    sure = _surely(evidence.lower, evidence.upper)
    parts = [f"{value:.4g}{_over(evidence)}", "" if n is None else f"of {n} values", sure]
    parts.append("" if limit is None else f"where the limit is {limit:.4g}")
    return ", ".join(part for part in parts if part)


def _ratio(evidence: Evidence, good: int, bad: int) -> str:
    """Return the ratio of bad events, even where a rule judges the ratio of good ones."""
    n, value, limit, low, high = good + bad, evidence.value, evidence.threshold, evidence.lower, evidence.upper
    of_good = bool(n) and value is not None and abs(value - good / n) < SAME and (good != bad or (limit or 0) > 1 / 2)
    if of_good:
        limit = None if limit is None else 1 - limit
        low, high = (None if high is None else 1 - high, None if low is None else 1 - low)
    parts = [_bad(good, bad, f" bad{_over(evidence)}"), _surely_percent(low, high)]
    parts.append("" if limit is None else f"where at most {percent(limit)} may be")
    return ", ".join(part for part in parts if part)


def _compared(evidence: Evidence, mine: Arm, other: Arm) -> str:
    before = " before it was replaced" if evidence.historical else ""
    counts = (
        f"{_bad(mine.good, mine.bad)}, against {_bad(other.good, other.bad, '')}, with {line(other.version)}{before}"
    )
    return ", ".join(part for part in (counts, sureness(evidence)) if part)


def sureness(evidence: Evidence) -> str:
    """Return how much worse a candidate surely is, and how often chance does as much; empty where neither is known.

    >>> sureness(Evidence(lower=0.081, upper=0.308, p_value=1 / 26_000)), sureness(Evidence())
    ('8.1 to 30.8 points more, by chance 1 in 26,000 releases', '')
    """
    low, high = evidence.lower, evidence.upper
    points = "" if low is None or high is None else f"{_points(low)} to {_points(high)} points more"
    chance = math.exp(-(evidence.log_e or 0.0)) if evidence.p_value is None else evidence.p_value
    of = f"1 in over {RARE:,.0f}" if chance < 1 / RARE else f"1 in {1 / chance:,.0f}"
    return ", ".join(part for part in (points, f"by chance {of} releases" if chance <= CHANCE_MAX else "") if part)


def _over(evidence: Evidence) -> str:
    spans = [span(each) for each in (evidence.window_ms, evidence.short_window_ms) if each]
    return f" over {' and '.join(spans)}" if spans else ""


def _surely(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f"surely at least {low:.4g}"
    return f"surely at most {high:.4g}" if low is None else f"surely {low:.4g} to {high:.4g}"


def _surely_percent(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"surely {percent(low).removesuffix(' %')} to {percent(high)}"


def _points(difference: float) -> str:
    """In points; what is zero up to rounding is zero."""
    return f"{100 * difference if abs(difference) > SAME else 0.0:.3g}"


def _bad(good: int, bad: int, word: str = " bad") -> str:
    return f"{bad} of {good + bad}{word}" + (f", {percent(bad / (good + bad))}" if good + bad else "")
