"""What the request log says about a request, and what feedback on it lacks.

The sender of feedback often knows only the id of a request. One request may be in the log several times: as attempts of
a retry, as a copy for a shadow version, as the answers of several models.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from operators.wire.events import Feedback

# Columns of table `request`, in the order of the fields of `Answer`.
COLUMNS = (
    "request_id", "model", "version", "ts", "attempt", "mirrored", "dims", "prediction", "score", "session_id",
    "user_id", "ver",
)  # fmt: skip
# What redaction leaves (archive/redaction.py): such a prediction cannot be compared with a label.
_REDACTED = re.compile(r"\[(?:EMAIL|PHONE|CARD|IBAN|IP|NATIONAL_ID|KEY)\]")
NULL = b"null"
NO_REQUEST = "no_request"
AMBIGUOUS = "ambiguous_request"

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Answer(msgspec.Struct, frozen=True):
    """One answer to a request, as a row of table `request`: `ts` is Unix ms, texts are empty where absent.

    `ver` is larger the earlier the event stood in its log: of copies of one event the one with the largest counts.
    """

    request_id: str
    model: str
    version: str
    ts: int
    attempt: int
    mirrored: int
    slices: dict[str, str]
    prediction: str
    score: float | None
    session_id: str
    user_id: str
    ver: int


class Ambiguous(Exception):
    """A request was answered by several models, and its feedback does not say which of them is meant."""

    def __init__(self, models: Iterable[str]) -> None:
        super().__init__(f"answered by models {', '.join(sorted(models))}: name the one that is meant")


def has_context(item: Feedback) -> bool:
    """Tell whether feedback itself names the version it is about."""
    return item.model is not None and item.version is not None


def answer_of(item: Feedback, answers: Sequence[Answer]) -> Answer | None:
    """Return the answer that feedback is about: the last attempt that is not a copy, by the model it names.

    None if there is none. Ambiguous.

    >>> first = Answer("r", "m", "v1", 1_700_000_000_000, 0, 0, {}, "", None, "", "", 9)
    >>> again = msgspec.structs.replace(first, attempt=1, version="v2", ver=8)
    >>> answer_of(Feedback(request_id="r", ts=1_700_000_000_500, kind="thumbs", value=0), [again, first]).version
    'v2'
    """
    wanted = [each for each in answers if item.model in (None, each.model) and item.version in (None, each.version)]
    asked = [each for each in wanted if bool(each.mirrored) == bool(item.mirrored)] or wanted
    if not asked:
        return None
    models = {each.model for each in asked}
    if len(models) > 1:
        raise Ambiguous(models)
    return max(asked, key=lambda each: (each.attempt, each.ts, each.ver, each.version))


def lacking(item: Feedback, answer: Answer) -> dict[str, Any]:
    """Return, by field, what the answer adds to feedback; slices that feedback itself names stay."""
    known = {
        "model": answer.model,
        "version": answer.version,
        "request_ts": answer.ts,
        "prediction": None if _REDACTED.search(answer.prediction) else answer.prediction or None,
        "score": answer.score,
    }
    found = {name: value for name, value in known.items() if value is not None and getattr(item, name) is None}
    if answer.mirrored:
        found["mirrored"] = True
    return found | {"slices": {**answer.slices, **(item.slices or {})}}


def with_context(item: Feedback, answer: Answer) -> Feedback:
    """Return feedback with what it lacks, and the session and user of its request."""
    session, user = item.session_id or answer.session_id or None, item.user_id or answer.user_id or None
    return msgspec.structs.replace(item, session_id=session, user_id=user, **lacking(item, answer))


def completed_text(text: bytes, item: Feedback, answer: Answer) -> bytes:
    """Return the JSON of feedback with what it lacks, and its request's session and user; all else stays as it was."""
    given = _fields(text)
    whose = {"session_id": answer.session_id, "user_id": answer.user_id}
    added = {name: value for name, value in whose.items() if value and bytes(given.get(name, NULL)) == NULL}
    return msgspec.json.encode({**given, **added, **lacking(item, answer)})


def answers_by_id(answers: Iterable[Answer]) -> Mapping[str, list[Answer]]:
    """Return answers by the id of their request."""
    found: dict[str, list[Answer]] = {}
    for each in answers:
        found.setdefault(each.request_id, []).append(each)
    return found


class KnownRequests:
    """Requests of a bounded run: nothing more will be learned about them."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._answers = answers_by_id(answers)

    def completed(self, item: Feedback) -> Feedback:
        """Return feedback with the context of its request; unchanged where it has one, or none can be found."""
        if has_context(item):
            return item
        try:
            answer = self._answer(item)
        except Ambiguous:
            return item
        return item if answer is None else with_context(item, answer)

    def fault_of(self, item: Feedback) -> tuple[str, str] | None:
        """Return why feedback still has no context, as a reason and its detail."""
        if has_context(item):
            return None
        try:
            self._answer(item)
        except Ambiguous as error:
            return AMBIGUOUS, str(error)
        return NO_REQUEST, "no event of the run has this request_id"

    def _answer(self, item: Feedback) -> Answer | None:
        return answer_of(item, self._answers.get(item.request_id, ()))
