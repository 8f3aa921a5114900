"""`arrow`: each message is an Arrow IPC stream whose rows are items, with columns named as the fields in JSON.

The decoder is imported only when it is needed: pyarrow slows the start of every program.
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
