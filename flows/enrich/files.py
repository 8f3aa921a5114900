"""Feedback without context in a run over files: its requests are looked up among the events of the same run.

These are the requests that the request log would hold, so that files and Kafka give the same results. Only regular
files are searched, as a pipe can be read only once.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from operators.archive.log import RequestLog
from operators.connectors.files import Advanced, FileReader
from operators.connectors.frames import FrameReader
from operators.connectors.reader import Reader
from operators.ingest.answers import COLUMNS, Answer, KnownRequests, has_context
from operators.ingest.formats.format import Stream
from operators.ingest.formats.registry import FORMATS
from operators.ingest.messages import Messages
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms
from operators.store.rows import Coded, Column, Rows


class GivenFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a bounded run, in format `form`; it may hold other streams besides its own."""

    path: Path
    stream: Stream
    form: str


def known_requests(files: Sequence[GivenFile], policy: Policy, started_ms: int) -> KnownRequests:
    """Return those requests of the files' events that feedback without context in the files names. OSError."""
    wanted = {name for each in files for name in _without_context(each, policy, started_ms)}
    # Users' ids do not matter here, so no key is needed.
    log_policy = msgspec.structs.replace(policy, archive=msgspec.structs.replace(policy.archive, ids="full"))
    answers: list[Answer] = []
    for each in files if wanted else ():
        if each.stream != "events" or FORMATS[each.form].requests is None:
            continue
        log = RequestLog(str(each.path), log_policy, Pseudonyms(), only=wanted, form=each.form)
        for messages in messages_of(each, policy, started_ms):
            for rows in log.take(messages).rows:
                answers += _answers(rows)
    return KnownRequests(answers)


def _without_context(each: GivenFile, policy: Policy, started_ms: int) -> Iterator[str]:
    form = FORMATS[each.form]
    if "feedback" not in form.carries(each.stream):
        return
    decoder = form.decoder("feedback", policy)
    for messages in messages_of(each, policy, started_ms):
        decoded = decoder.decode(messages)
        streams = decoded.streams or ["feedback"] * len(decoded.items)
        for item, stream in zip(decoded.items, streams, strict=True):
            if stream == "feedback" and not has_context(item):
                yield item.request_id


def messages_of(each: GivenFile, policy: Policy, started_ms: int) -> Iterator[Messages]:
    """Return the messages of a file; none if it is not a regular file. OSError."""
    if not each.path.is_file():
        return
    opened = reader_of(each.form)
    reader = opened(each.path, policy.dead_letters.message_bytes_max, started_ms, lambda _: None)
    try:
        while (messages := reader.read()) is not None:
            yield messages
    finally:
        reader.close()


def reader_of(form: str) -> Callable[[Path, int, int, Advanced], Reader]:
    """Return the reader of files of a format."""
    if form == "arrow":
        from operators.connectors.arrow_files import arrow_reader  # noqa: PLC0415  # It brings pyarrow.

        return arrow_reader
    return FrameReader if FORMATS[form].binary else FileReader


def _answers(rows: Rows) -> Iterator[Answer]:
    return map(Answer, *(_values(rows.columns[name]) for name in COLUMNS))


def _values(column: Column) -> Sequence[Any]:
    """Return a column as plain values."""
    if isinstance(column, Coded):
        return [column.values[code] for code in column.codes.tolist()]
    return column.tolist() if isinstance(column, np.ndarray) else list(column)  # type: ignore[arg-type]
