"""The case of an event: its texts as they are judged, and as they are sent to a model."""

from collections.abc import Mapping

import msgspec

from operators.archive.redaction import redact
from operators.evaluators.case import JudgedCase
from operators.wire.events import ABSENT, Request

MARGIN = 1_000  # Characters beyond the end of what is judged, so that nothing is cut in two before it is redacted.
_string = msgspec.json.Decoder(str).decode


def case_of(request: Request, chars_max: int, references: Mapping[str, str]) -> JudgedCase | None:
    """Return what is judged of a request; None if it has no answer. `references` are expected answers by input."""
    answer = _text(request.output)
    if answer is None:
        return None
    asked = _text(request.input) or ""
    return JudgedCase(
        request_id=request.request_id,
        input=asked[: chars_max + MARGIN],
        output=answer[: chars_max + MARGIN],
        documents=[each.id for each in request.retrieval or () if each.id],
        expected=references.get(asked),
    )


def judged_here(case: JudgedCase, chars_max: int) -> JudgedCase:
    """Return a case whose texts are cut to the permitted length."""
    return msgspec.structs.replace(case, input=case.input[:chars_max], output=case.output[:chars_max])


def redacted(case: JudgedCase, chars_max: int) -> JudgedCase:
    """Return a case without personal data, as far as that is recognised."""
    return msgspec.structs.replace(
        case,
        input=redact(case.input)[0][:chars_max],
        output=redact(case.output)[0][:chars_max],
        documents=[redact(name)[0] for name in case.documents],
        expected=None if case.expected is None else redact(case.expected)[0],
    )


def _text(raw: msgspec.Raw) -> str | None:
    """Return the text of a string, or the source of other JSON; None if it is absent or cannot be read."""
    value = bytes(raw)
    if not value or raw == ABSENT:
        return None
    try:
        return _string(value) if value[:1] == b'"' else value.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
