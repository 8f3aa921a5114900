"""Feedback without context in a run over files: its requests are looked for among the events of the same run.

They are those that the request log would hold, so that files and Kafka come to the same. Only regular files are looked
through, as a pipe can be read once.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from operators.archive.log import RequestLog
from operators.connectors.files import FileReader
from operators.ingest.answers import COLUMNS, Answer, KnownRequests, has_context
from operators.ingest.formats.native import Decoder
from operators.ingest.messages import Messages
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.store.rows import Coded, Column, Rows
from operators.wire.events import Feedback


def known_requests(events: Sequence[Path], feedback: Sequence[Path], policy: Policy, started_ms: int) -> KnownRequests:
    """Return the requests among `events` that feedback without context names. OSError."""
    wanted = {name for path in feedback for name in _without_context(path, policy, started_ms)}
    # Whose ids they are does not matter here, so no key is needed.
    log_policy = msgspec.structs.replace(policy, archive=msgspec.structs.replace(policy.archive, ids="full"))
    answers: list[Answer] = []
    for path in events if wanted else ():
        log = RequestLog(str(path), log_policy, Pseudonyms(), only=wanted)
        for messages in _read(path, policy, started_ms):
            for rows in log.take(messages).rows:
                answers += _answers(rows)
    return KnownRequests(answers)


def _without_context(path: Path, policy: Policy, started_ms: int) -> Iterator[str]:
    decoder = Decoder(Feedback, policy.dead_letters.message_bytes_max)
    for messages in _read(path, policy, started_ms):
        items, _, _ = decoder.decode(messages)
        yield from (item.request_id for item in items if not has_context(item))


def _read(path: Path, policy: Policy, started_ms: int) -> Iterator[Messages]:
    if not path.is_file():
        return
    reader = FileReader(path, policy.dead_letters.message_bytes_max, started_ms, lambda _: None)
    try:
        while (messages := reader.read()) is not None:
            yield messages
    finally:
        reader.close()


def _answers(rows: Rows) -> Iterator[Answer]:
    return map(Answer, *(_values(rows.columns[name]) for name in COLUMNS))


def _values(column: Column) -> Sequence[Any]:
    """Return a column as plain values."""
    if isinstance(column, Coded):
        return [column.values[code] for code in column.codes.tolist()]
    return column.tolist() if isinstance(column, np.ndarray) else list(column)  # type: ignore[arg-type]
