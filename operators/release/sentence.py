"""What a control event says, as one sentence for people who have never seen an event.

Who, what, where, on what proof, how sure, since when, what was found before it, how requests fail.
"""

import math
from collections.abc import Iterator

from operators.texts import clock, cut
from operators.wire.control import ControlEvent, Evidence
from operators.wire.mirrored import is_mirrored, original

SENTENCE_MAX = 800  # Characters.
NAME_MAX = 200
REASON_MAX = 300
ODDS_MAX = 1e6
FOUND_MAX = 2  # Findings that are named.

SAYS = {
    "rollback": "{who} is rolled back: {where_to}, by rule {rule}",
    "rollback_applied": "The traffic has left {who}",
    "recovered": "The users are well again since {who} was withdrawn",
    "rollback_ineffective": "Withdrawing {who} has not helped",
    "promote": "{who} has passed and may serve all traffic",
    "hold": "{who} is not promoted, by rule {rule}",
    "throttle": "{who} must get {less}, by rule {rule}",
    "kill": "{who} must get no traffic any more, by rule {rule}",
    "alert": "Rule {rule} fires on {who}",
}
OVER = {
    "alert": "Rule {rule} no longer fires on {who}",
    "throttle": "{who} may get its traffic again",
    "hold": "{who} is held back no longer",
}
LEFT = "{who} is left as it is, by rule {rule}"  # What a rule asks for cannot be done, or should not be.
SAID = ("release", "override")  # Rules that are commands: their reason says it.


def sentence(event: ControlEvent) -> str:
    """Return what an event says, on one line, cut.

    >>> evidence = Evidence(sli="availability", good=90, bad=10)
    >>> sentence(ControlEvent(id="e", revision=1, type="rollback", ts=0, model="m", version="v2", rule="slo",
    ...     severity="page", policy="p", pin="v1", evidence=evidence))
    'Version v2 of model m is rolled back: all its traffic goes to v1, by rule slo (availability: 10 of 100 bad, 10 %).'
    """
    if event.type == "alert" and (event.rule in SAID or event.rule.startswith("commands:")):
        said = f"{_who(event)}: {line(event.reason, REASON_MAX)}"
    else:
        said = "; ".join([_first(event), *_more(event)])
    said = said[:1].upper() + said[1:]
    return cut(said, SENTENCE_MAX) + "."


def line(text: str, longest: int = NAME_MAX) -> str:
    """Return text from outside on one line, cut."""
    return cut(" ".join(text.split()), longest)


def _first(event: ControlEvent) -> str:
    """Return who, what, where, and the proof."""
    words = SAYS[event.type]
    if event.type == "hold" and event.severity == "page":
        words = LEFT
    if event.state == "resolved":
        words = OVER.get(event.type, f"Over: {words}")
    elif event.acked:
        words = "Somebody looks after rule {rule} on {who}"
    to = f"all its traffic goes to {line(event.pin)}" if event.pin else "its traffic goes to the other versions"
    share = event.weights.get(event.version)
    less = "less traffic" if share is None else f"at most {100 * share:.3g} % of the traffic"
    said = words.format(who=_who(event), rule=line(event.rule), where_to=to, less=less) + _where(event)
    why = [part for part in (line(event.reason, REASON_MAX), proof(event.evidence)) if part]
    return said + (f" ({'; '.join(why)})" if why else "")


def _more(event: ControlEvent) -> Iterator[str]:
    if event.state == "resolved" or event.acked:
        return
    since = event.onset if event.onset is not None else event.evidence.since
    if since is not None and event.type != "recovered":
        yield f"since {clock(since)}"
    if event.findings:
        named = [
            line(found.words) + ("" if found.slice == "*" else f" in {line(found.slice)}") + f", {clock(found.since)}"
            for found in event.findings[:FOUND_MAX]
        ]
        more = len(event.findings) - len(named)
        yield f"found on it alone: {' and '.join(named)}" + (f" and {more} more" if more > 0 else "")
    if event.error_types:
        yield "failing with " + ", ".join(f"{line(each.name)} ({each.n})" for each in event.error_types[:FOUND_MAX])
    if event.moved:
        yield line(event.moved[0], REASON_MAX)


def _who(event: ControlEvent) -> str:
    model = f"model {line(event.model)}" if event.model else "all models"
    copies = " (copies of requests)" if is_mirrored(event.version) else ""
    version = line(original(event.version)) + copies
    return f"version {version} of {model}" if event.version not in ("", "*") else model


def _where(event: ControlEvent) -> str:
    names = [affected.slice for affected in event.slices if affected.slice not in ("", "*")]
    if not names or event.state == "resolved":
        return ""
    more = len(names) - 1 + event.slices_more
    return f", seen in {line(names[0])}" + (f" and {more} more slice{'s' * (more > 1)}" if more else "")


def proof(evidence: Evidence) -> str:
    """Return evidence in words: what was counted, against what, and how sure that is.

    >>> proof(Evidence(measure="p95 of latency_ms", n=90, value=812.5, threshold=500.0))
    'p95 of latency_ms: 812.5 of 90 values, where the limit is 500'
    >>> proof(Evidence(n=168, value=0.0, threshold=0.01, log_e=5.0))
    '0 % of 168 requests, where at most 1 % are allowed'
    """
    name = line(evidence.sli or evidence.measure or "")
    if evidence.reason and evidence.measure:  # Of a monitor: it names what it is about.
        return line(evidence.reason, REASON_MAX)
    said = [part for part in (_counted(evidence), _sure(evidence), line(evidence.reason or "", REASON_MAX)) if part]
    return ": ".join(part for part in (name, ", ".join(said)) if part)


def _counted(evidence: Evidence) -> str:
    mine, other, value, limit = evidence.candidate, evidence.baseline, evidence.value, evidence.threshold
    if mine is not None and other is not None:
        return f"{_bad(mine.good, mine.bad)}, against {_bad(other.good, other.bad, '')}, with {line(other.version)}"
    if evidence.good is not None and evidence.bad is not None:
        return _bad(evidence.good, evidence.bad)
    if value is None:
        return ""
    if evidence.sli is None and evidence.measure is None and limit is not None and evidence.n is not None:
        share = f"{100 * limit:.3g} %"
        due = f"at most {share} are allowed" if evidence.p_value is None else f"{share} are due"
        return f"{100 * value:.3g} % of {evidence.n} requests, where {due}"
    of = "" if evidence.n is None else f" of {evidence.n} values"
    return f"{value:.4g}{of}" + ("" if limit is None else f", where the limit is {limit:.4g}")


def _sure(evidence: Evidence) -> str:
    low, high = evidence.lower, evidence.upper
    if evidence.candidate is not None and evidence.baseline is not None:
        points = "" if low is None or high is None else f"{_points(low)} to {_points(high)} points more"
        log_e = evidence.log_e or 0.0
        odds = f"over {ODDS_MAX:,.0f}" if log_e >= math.log(ODDS_MAX) else f"{math.exp(log_e):,.0f}"
        return ", ".join(part for part in (points, f"{odds} to 1 against chance" if log_e > 1 else "") if part)
    if low is None or high is None:
        return ""
    sure = "" if evidence.confidence is None else f" with {100 * evidence.confidence:.4g} % confidence"
    return f"{'a ratio of' if evidence.measure is None else 'surely'} {low:.4g} to {high:.4g}{sure}"


def _points(difference: float) -> str:
    """In points; what rounding left of nothing is nothing."""
    return f"{100 * difference if abs(difference) > 1e-9 else 0.0:.3g}"


def _bad(good: int, bad: int, word: str = " bad") -> str:
    return f"{bad} of {good + bad}{word}" + (f", {100 * bad / (good + bad):.3g} %" if good + bad else "")
