"""Scans messages of events by compiled kernels, if these are available and know all that the policy reads."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.fast import loading
from operators.ingest.chains import chained_slis
from operators.ingest.columns import fields_of
from operators.ingest.fields import is_feedback
from operators.ingest.lines import Lines, block_of_texts
from operators.ingest.reserved import is_reserved
from operators.ingest.slis.registry import sli_kind_of
from operators.policy.policy import Policy
from operators.wire.events import COST_MAX, INTEGER_MAX, NUMBER_MAX

MOST = {
    **dict.fromkeys(("latency_ms", "ttft_ms", "score"), NUMBER_MAX),
    **dict.fromkeys(("input_tokens", "output_tokens"), INTEGER_MAX),
    "cost_usd": COST_MAX,
}


class MessageScanner:
    """Scans the messages of one partition. It keeps the texts that it met; results do not depend on them.

    `useless` says whether most of the last ones had to be decoded after all.
    """

    useless = False

    def __init__(self, module: Any, scanner: Any, bytes_max: int) -> None:
        self._module, self._scanner, self._bytes_max = module, scanner, bytes_max
        self._looked_at: list[str] = []  # Texts met, and which are rollguard's own names.
        self._reserved: list[bool] = []

    def scan(self, values: Sequence[bytes]) -> tuple[Any, list[str]]:
        """Return the columns of the events in some messages, and the texts that their codes stand for.

        A message has a row for each of its events, all of them sure, or a single row that is not.
        """
        lines = values if isinstance(values, Lines) else Lines([block_of_texts(values)])
        spans = [self._module.text_lines(*span) for span in lines.spans()]
        columns = self._scanner.begin(len(values), sum(map(self._module.rows_for, spans)))
        message = row = 0
        for span in spans:
            row = self._scanner.scan(span, columns, message, row, self._bytes_max)
            message += len(span.ends)
        columns, names = self._module.rows_until(columns, row), self._scanner.names()
        if names is not self._looked_at:
            self._looked_at, self._reserved = names, []
        self._reserved += map(is_reserved, names[len(self._reserved) :])
        if True in self._reserved:
            _leave_out(columns, np.array(self._reserved))
        return columns, names

    def first_rows(self, codes: Ints, sure: NDArray[np.bool_], texts: int) -> Ints:
        """Return the first sure row that has each text, (texts,); -1 where none has."""
        rows: Ints = self._module.first_rows(codes, sure, texts)
        return rows


def scanner_for(policy: Policy) -> MessageScanner | None:
    """Return the scanner of events for a policy; None without kernels, or if the policy reads more than it scans."""
    module = loading.kernels()
    if module is None or any(sli_kind_of(sli).columns(sli) for sli in policy.slis if not sli.on_feedback):
        return None
    fields = [field for field in fields_of(policy) if not is_feedback(field)]
    wanted = module.Wanted(tuple(policy.dimensions), tuple(fields), chained_slis(policy), MOST)
    if not module.can_scan(wanted):
        return None
    return MessageScanner(module, module.EventScanner(wanted), policy.dead_letters.message_bytes_max)


def sure_messages(columns: Any) -> NDArray[np.bool_]:
    """Return the messages of which all events are sure, (messages,)."""
    sure: NDArray[np.bool_] = columns.sure
    return sure if len(columns.firsts) == len(sure) else np.logical_and.reduceat(sure, columns.firsts)


def _leave_out(columns: Any, reserved: NDArray[np.bool_]) -> None:
    """Leave messages to the decoder in which a model or version has one of rollguard's own names, to be refused.

    `reserved` marks those names among the texts.
    """
    for codes in columns.codes[:2]:
        columns.sure[reserved[codes]] = False
    sizes = np.diff(columns.firsts, append=len(columns.sure))
    columns.sure[:] = np.repeat(sure_messages(columns), sizes)
