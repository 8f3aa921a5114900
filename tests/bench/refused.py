"""What one array costs whose items are all refused: a producer with a fast clock must not stop the worker."""

import time

import msgspec
import numpy as np

from flows import policy_files, settings
from operators.ingest.messages import Messages
from operators.ingest.partition import Partition

START_MS = 1_760_000_000_000
ITEM = {"request_id": "r", "ts": START_MS + 86_400_000, "model": "m", "version": "v"}


def cost(items: int) -> tuple[int, float]:
    """Return the bytes of an array of so many items with a time in the future, and the seconds of CPU to refuse it."""
    partition = Partition("log", "events", ("log",), policy_files.load_policy(settings.Settings().policy))
    value = msgspec.json.encode([ITEM] * items)
    messages = Messages(values=[value], positions=[1], received_ms=np.array([START_MS]))
    began = time.process_time()
    partition.take(messages)
    return len(value), time.process_time() - began
