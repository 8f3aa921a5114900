"""What a control event says, as one sentence for people who have never seen an event."""

from flows.control.view import evidence_words
from flows.plain import plain
from operators.control import ControlEvent
from operators.texts import cut

SENTENCE_MAX = 600  # Characters.
NAME_MAX = 200

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
OVER = {"alert": "Rule {rule} no longer fires on {who}", "throttle": "{who} may get its traffic again"}


def sentence(event: ControlEvent) -> str:
    """Return what an event says, on one line, cut and without what is not printable.

    >>> from operators.control import Evidence
    >>> evidence = Evidence(sli="availability", good=90, bad=10)
    >>> sentence(ControlEvent(id="e", revision=1, type="rollback", ts=0, model="m", version="v2", rule="canary",
    ...     severity="page", policy="p", pin="v1", evidence=evidence))
    'Version v2 of model m is rolled back: all its traffic goes to v1, by rule canary (availability, 10 of 100 bad).'
    """
    words = SAYS[event.type]
    if event.state == "resolved":
        words = OVER.get(event.type, f"Over: {words}")
    elif event.acked:
        words = "Somebody looks after rule {rule} on {who}"
    said = words.format(who=_who(event), rule=clean(event.rule), pin=clean(event.pin or "the other versions"))
    said = said[:1].upper() + said[1:]
    said += _where(event)
    if why := [part for part in (event.reason, evidence_words(event.evidence)) if part]:
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
    if not names:
        return ""
    more = len(names) - 1 + event.slices_more
    return f" where {clean(names[0])}" + (f" and in {more} more slices" if more else "")
