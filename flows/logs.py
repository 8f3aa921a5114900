"""Structured logs on standard error: one line per event, as text or as JSON, with fields beside the words.

`logging.getLogger("rollguard").info("replayed", extra={"fields": {"events": 3}})`
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Literal

import msgspec

from flows.plain import escaped, json_escaped

LOGGER = "rollguard"


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        pairs = "".join(f" {name}={value}" for name, value in fields.items())
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return escaped(f"{at} rollguard {record.levelname.lower()}: {record.getMessage()}{pairs}")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        return json_escaped(msgspec.json.encode(line | getattr(record, "fields", {})).decode())


def configure(form: Literal["text", "json"], level: str) -> None:
    """Send rollguard's logs to standard error, in one form, from a level on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    # The driver would log the error that it also raises.
    logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())
    logger = logging.getLogger(LOGGER)
    logger.handlers = [handler]
    logger.propagate = False
    logger.setLevel(level.upper())
