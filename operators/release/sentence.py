"""A control event as one sentence, for people who have never seen an event.

It says who, what, where, on what proof, how surely, since when, what was found before, and how requests fail.
"""

from collections.abc import Iterator

from operators.policy.rules import INPUT
from operators.release.proof import GONE, line, percent, proof, slice_words
from operators.texts import clock, cut
from operators.window.partial import OTHER
from operators.wire.control import ControlEvent
from operators.wire.event_kinds.registry import EVENT_KINDS
from operators.wire.mirrored import is_mirrored, original

SENTENCE_MAX = 800  # Characters.
REASON_MAX = 300
FOUND_MAX = 2  # Findings that a sentence names.

LEFT = "{who} is left as it is, {by}"  # Said where what a rule asks for cannot, or should not, be done.
UNSURE = "Nobody can tell yet whether withdrawing {who} has helped"
COMMAND_RULES = ("release", "override")  # Rules that are commands: their reason says it.
INPUTS = {
    "late": "Much of what comes in is late",
    "refused": "Much of what comes in is refused",
    "behind": "What comes in is too old when it comes, panes close without it, and nothing is decided on it "
    "(raise [time] behind_max above its age, or mend what delays it)",
}
INPUTS_OVER = {
    "late": "Little of what comes in is late now",
    "refused": "Little of what comes in is refused now",
    "behind": "Panes wait again for what came in too old",
}
COMMANDS, LIMITS, SPLIT = "commands:", "limits:", "traffic-split"


def sentence(event: ControlEvent) -> str:
    """Return the sentence for an event, on one line, cut.

    >>> from operators.wire.control import Evidence
    >>> evidence = Evidence(sli="availability", good=90, bad=10)
    >>> sentence(ControlEvent(id="e", revision=1, type="rollback", ts=0, model="m", version="v2", rule="slo",
    ...     severity="page", policy="p", pin="v1", evidence=evidence))
    'Version v2 of model m is rolled back: all its traffic goes to v1, by rule slo (availability: 10 of 100 bad, 10 %).'
    """
    reason = line(event.reason, REASON_MAX)
    if event.type == "alert" and not event.acked and event.rule.startswith(f"{INPUT}:"):
        kind, over = event.rule.partition(":")[2], event.state == "resolved"
        sentence = f"{(INPUTS_OVER if over else INPUTS).get(kind, event.rule)}: {reason}"
    elif event.type == "alert" and not event.acked and _says_itself(event.rule):
        sentence = f"{_who(event)}: {reason}"
    else:
        sentence = "; ".join([_first(event), *_more(event)])
    sentence = sentence[:1].upper() + sentence[1:]
    return cut(sentence, SENTENCE_MAX) + "."


def _says_itself(rule: str) -> bool:
    """Tell whether the reason of an alert says everything."""
    return rule in COMMAND_RULES or rule.startswith((COMMANDS, LIMITS))


def _first(event: ControlEvent) -> str:
    """Return who, what, where, and the proof."""
    share = event.weights.get(event.version)
    sentence = _words(event).format(
        who=_who(event),
        rule=line(event.rule),
        by="by hand" if event.rule.startswith(COMMANDS) else f"by rule {line(event.rule)}",
        where_to=f"all its traffic goes to {line(event.pin)}"
        if event.pin
        else "its traffic goes to the other versions",
        less="less traffic" if share is None else f"at most {percent(share)} of the traffic",
        share="all traffic" if share is None or share == 1 else f"{percent(share)} of the traffic",
    )
    why = [part for part in (line(event.reason, REASON_MAX), _proof(event)) if part]
    where, elsewhere = ("", "") if event.acked or event.state == "resolved" else _where(event)
    return f"{sentence}{where}" + (f" ({'; '.join(why)})" if why else "") + elsewhere


def _words(event: ControlEvent) -> str:
    kind = EVENT_KINDS[event.type]
    if event.state == "resolved":
        return kind.over or f"Over: {kind.says}"
    if event.acked:
        return "Somebody looks after rule {rule} on {who}"
    if event.type == "hold" and event.severity == "page":
        return LEFT
    return UNSURE if event.type == "rollback_ineffective" and event.severity == "ticket" else kind.says


def _proof(event: ControlEvent) -> str:
    """Return the numbers of an event; for a declared share also what was expected."""
    if event.rule == SPLIT and event.type in ("alert", "hold"):
        share, declared, n = event.evidence.value, event.evidence.threshold, event.evidence.n
        if share is None or declared is None or event.evidence.p_value is None:
            return ""  # The candidate is silent: the reason has the numbers.
        return f"{percent(share)} of {n} requests, where {percent(declared)} were declared"
    return proof(event.evidence)


def _more(event: ControlEvent) -> Iterator[str]:
    if event.state == "resolved" or event.acked:
        return
    since = event.onset if event.onset is not None else event.evidence.since
    if since is not None and event.type != "recovered" and event.evidence.reason != GONE:
        yield f"since {clock(since)}"
    if event.findings:
        named = [
            line(found.words)
            + ("" if found.slice == "*" else f" in {slice_words(found.slice)}")
            + f", {clock(found.since)}"
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
    if event.version == OTHER:
        return f"what is not told apart of {model}"
    copies = " (copies of requests)" if is_mirrored(event.version) else ""
    version = line(original(event.version)) + copies
    return f"version {version} of {model}" if event.version not in ("", "*") else model


def _where(event: ControlEvent) -> tuple[str, str]:
    """Return where the numbers of an event are from, and where else the same is found."""
    names = list(dict.fromkeys(affected.slice for affected in event.slices))
    if not names or (names == ["*"] and not event.slices_more):
        return "", ""
    first, *others = names
    more = len(others) - 1 + event.slices_more
    also = f"; also {_in(others[0])}" if others else ""
    also += f" and {more} more slice{'s' * (more > 1)}" if more > 0 else ""
    return f", {_in(first)}", also


def _in(text: str) -> str:
    return "on all traffic" if text == "*" else f"in {slice_words(text)}"
