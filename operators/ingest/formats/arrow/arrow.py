"""`arrow`: each message is an Arrow IPC stream whose rows are items, as in JSON by name, column by column.

What decodes it is imported when it is needed: pyarrow costs every start of a program some time.
"""

from typing import Any

from operators.ingest.formats.format import EventScan, InputFormat, ItemDecoder
from operators.ingest.formats.native import ITEMS
from operators.policy.policy import Policy
from operators.wire.events import Request


def _decoder(kind: Any, policy: Policy) -> ItemDecoder:
    from operators.ingest.formats.arrow.decoder import ArrowDecoder  # noqa: PLC0415

    return ArrowDecoder(kind, policy)


def _scan() -> EventScan:
    from operators.ingest.formats.arrow.event_tables import read_tables  # noqa: PLC0415

    return read_tables


FORMAT = InputFormat(
    name="arrow",
    decoder=lambda stream, policy: _decoder(ITEMS[stream], policy),
    requests=lambda policy: _decoder(Request, policy),
    binary=True,
    scan=_scan,
)
