"""What a control event says, as one sentence for people who have never seen an event."""

from flows.plain import plain
from operators.control import ControlEvent, Evidence
from operators.texts import cut

SENTENCE_MAX = 600  # Characters.
NAME_MAX = 200
REASON_MAX = 300

SAYS = {
    "rollback": "{who} is rolled back: all its traffic goes to {pin}, by rule {rule}",
    "rollback_applied": "The traffic has left {who}",
    "recovered": "The users are well again since {who} was withdrawn",
    "rollback_ineffective": "Withdrawing {who} has not helped",
    "promote": "{who} has passed and may serve all traffic",
    "hold": "{who} is not promoted, by rule {rule}",
    "throttle": "{who} must get less traffic, by rule {rule}",
    "kill": "{who} must get no traffic any more, by rule {rule}",
    "alert": "Rule {rule} fires on {who}",
}
OVER = {
    "alert": "Rule {rule} no longer fires on {who}",
    "throttle": "{who} may get its traffic again",
    "hold": "{who} is held back no longer",
}


def sentence(event: ControlEvent) -> str:
    """Return what an event says, on one line, cut and without what is not printable.

    >>> from operators.control import Evidence
    >>> evidence = Evidence(sli="availability", good=90, bad=10)
    >>> sentence(ControlEvent(id="e", revision=1, type="rollback", ts=0, model="m", version="v2", rule="canary",
    ...     severity="page", policy="p", pin="v1", evidence=evidence))
    'Version v2 of model m is rolled back: all its traffic goes to v1, by rule canary (availability: 10 of 100 bad).'
    """
    words = SAYS[event.type]
    if event.state == "resolved":
        words = OVER.get(event.type, f"Over: {words}")
    elif event.acked:
        words = "Somebody looks after rule {rule} on {who}"
    said = words.format(who=_who(event), rule=clean(event.rule), pin=clean(event.pin or "the other versions"))
    said = said[:1].upper() + said[1:]
    said += _where(event)
    if why := [part for part in (clean(event.reason, REASON_MAX), _proof(event)) if part]:
        said += f" ({'; '.join(why)})"
    return clean(said, SENTENCE_MAX) + "."


def clean(text: str, longest: int = NAME_MAX) -> str:
    """Return text from outside on one line, without what is not printable, cut."""
    return cut(plain(" ".join(text.split())), longest)


def _who(event: ControlEvent) -> str:
    model = f"model {clean(event.model)}" if event.model else "all models"
    return f"version {clean(event.version)} of {model}" if event.version else model


def _where(event: ControlEvent) -> str:
    names = [affected.slice for affected in event.slices if affected.slice not in ("", "*")]
    if not names or event.state == "resolved":
        return ""
    more = len(names) - 1 + event.slices_more
    return f", seen in {clean(names[0])}" + (f" and {more} more slice{'s' * (more > 1)}" if more else "")


def _proof(event: ControlEvent) -> str:
    evidence = event.evidence
    if event.type == "rollback_applied" and evidence.value is not None and evidence.n is not None:
        return f"it had {100 * evidence.value:.2g} % of the last {evidence.n} requests"
    counted = clean(evidence.sli or evidence.measure or "")
    said = [part for part in (_counts(evidence), evidence.reason and clean(evidence.reason, REASON_MAX)) if part]
    return ": ".join(part for part in (counted, ", ".join(said)) if part)


def _counts(evidence: Evidence) -> str:
    """Return what was counted, or measured, and against what."""
    mine, other = evidence.candidate, evidence.baseline
    if mine is not None and other is not None:
        against = f"{other.bad} of {other.good + other.bad} with {clean(other.version)}"
        low, high = evidence.lower, evidence.upper
        sure = "" if low is None or high is None else f", {100 * low:.3g} to {100 * high:.3g} points more"
        return f"{mine.bad} of {mine.good + mine.bad} bad against {against}{sure}"
    if evidence.good is not None and evidence.bad is not None:
        return f"{evidence.bad} of {evidence.good + evidence.bad} bad"
    if evidence.value is None:
        return ""
    limit = "" if evidence.threshold is None else f", where the limit is {evidence.threshold:.4g}"
    return f"{evidence.value:.4g}{limit}"
