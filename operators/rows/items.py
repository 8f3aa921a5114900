"""Items that are kept row by row: feedback, and dead letters."""

from base64 import b64encode
from collections.abc import Sequence
from typing import cast

import msgspec

from operators.archive.redaction import redact
from operators.archive.texts import Texts
from operators.ingest.formats.origin import Reject
from operators.ingest.structure import structure_of
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.store.rows import Rows
from operators.window.series_index import slice_text
from operators.wire.events import Feedback, ms_of

WRITTEN = ("edit", "report")  # Kinds of feedback whose value may be a text that a user wrote.


def feedback_rows(items: Sequence[Feedback], policy: Policy) -> Rows:
    """Return the rows of table `feedback`, at the finest slice of each item's context."""
    of = [policy.of(item.model or "") or policy for item in items]
    dims = [
        [(name, (item.slices or {}).get(name, "")) for name in each.dimensions]
        for item, each in zip(items, of, strict=True)
    ]
    texts = Texts(policy.archive)
    return Rows(
        table="feedback",
        columns={
            "model": [item.model or "" for item in items],
            "version": [item.version or "" for item in items],
            "slice": [slice_text(pairs) for pairs in dims],
            "dims": [dict(pairs) for pairs in dims],
            "request_id": [item.request_id for item in items],
            "ts": [ms_of(item.ts) for item in items],
            "kind": [item.kind for item in items],
            "source": [item.source or "" for item in items],
            "name": [item.name or "" for item in items],
            "unit": [item.unit or "" for item in items],
            "sample": [item.sample or "" for item in items],
            "standing": [item.standing or "" for item in items],
            "reason": [_reason(item, policy) for item in items],
            "value": texts.predictions([_value(item, policy) for item in items], [0] * len(items)),
            "value_number": [None if isinstance(item.value, str) else item.value for item in items],
            "request_ts": [None if item.request_ts is None else ms_of(item.request_ts) for item in items],
            "prediction": texts.predictions([item.prediction for item in items], [0] * len(items)),
            "score": [item.score for item in items],
            "ver": [1 for _ in items],
        },
    )


def _value(item: Feedback, policy: Policy) -> str | float | bool | None:
    """Return the value of feedback; a text that a user wrote is kept as the request log keeps texts."""
    return None if policy.archive.texts == "none" and item.kind in WRITTEN else item.value


def _reason(item: Feedback, policy: Policy) -> str:
    """Return a judge's reason; it may quote the answer, so it is kept as the request log keeps texts."""
    if not item.reason or policy.archive.texts == "none":
        return ""
    return item.reason if policy.archive.texts == "full" else redact(item.reason)[0]


def dead_letter_rows(
    rejects: Sequence[Reject],
    source: str,
    policy: Policy,
    pseudonyms: Pseudonyms = Pseudonyms(),  # noqa: B008  # Frozen.
) -> Rows:
    """Return the rows of table `dead_letter`: by policy the structure of the original or its bytes, cut.

    `bytes` is the original's size; `value` is its structure, or the text where the bytes are UTF-8, else base64.
    """
    limit = policy.dead_letters.value_bytes_max
    if policy.dead_letters.keep == "full":
        values = [_text(reject.value[:limit]) for reject in rejects]
    else:
        values = [("structure", structure_of(reject.value, pseudonyms)[:limit]) for reject in rejects]
    return Rows(
        table="dead_letter",
        columns={
            "source": [source for _ in rejects],
            "position": [reject.position for reject in rejects],
            "item": [reject.item for reject in rejects],
            "reason": [reject.reason for reject in rejects],
            "detail": [reject.detail for reject in rejects],
            "bytes": [len(reject.value) for reject in rejects],
            "encoding": [encoding for encoding, _ in values],
            "value": [value for _, value in values],
        },
    )


def letters_of(rows: Rows) -> list[bytes]:
    """Return each row of table `dead_letter` as one JSON object."""
    columns = [cast(Sequence[object], column) for column in rows.columns.values()]
    return [msgspec.json.encode(dict(zip(rows.columns, row, strict=True))) for row in zip(*columns, strict=True)]


def _text(value: bytes) -> tuple[str, str]:
    try:
        return "utf-8", value.decode()
    except UnicodeDecodeError:
        return "base64", b64encode(value).decode()
