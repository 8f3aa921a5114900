"""Reads what a policy needs from events, column by column: the last place where Python touches single events."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Floats, Ints
from operators.ingest import reserved, wrong_topic
from operators.ingest.chains import chained_slis, chains_of
from operators.ingest.duplicates import request_hashes
from operators.ingest.fields import READERS
from operators.ingest.numbering import Numbering
from operators.ingest.packed import PackError, packed_doubles
from operators.ingest.parts import Parts
from operators.ingest.read_events import NONE, Faults, ReadEvents
from operators.ingest.slis.kind import Read
from operators.policy.policy import Policy
from operators.wire.events import Event


class EventReader:
    """Reads the events of one batch, piece by piece.

    `fields` are the numbers that are needed, `of_slis` how further columns are read. `error_types` and `parts` number
    new texts as they come.
    """

    def __init__(
        self, policy: Policy, parts: Parts, error_types: Numbering, fields: Sequence[str], of_slis: Mapping[str, Read]
    ) -> None:
        self.parts, self.error_types = parts, error_types
        self.fields, self.of_slis = fields, of_slis
        self.dimensions = policy.dimensions
        self.chained = chained_slis(policy)
        self.deduplicates = policy.dedup.horizon_ms > 0
        self._checked = [0, 0]  # The numbers of models and versions checked for reserved names.

    def read(self, events: Sequence[Event]) -> ReadEvents:
        """Return the numbers and names that this policy needs from some events."""
        return self.read_with(events, self.parts.of(events), self._errors(events))

    def read_with(self, events: Sequence[Event], parts: Sequence[Ints], errors: Ints) -> ReadEvents:
        """Return what this policy needs from events whose names and error types were numbered before."""
        numbers = {field: _numbers(events, field) for field in self.fields}
        numbers |= {name: read(events) for name, read in self.of_slis.items()}
        ids, attempts = [event.request_id for event in events], [event.attempt for event in events]
        sessions, users = [event.session_id for event in events], [event.user_id for event in events]
        chain, event = chains_of(ids, attempts, sessions, users) if self.chained else (NONE, NONE)
        return ReadEvents(
            parts=parts,
            errors=errors,
            numbers=numbers,
            requests=request_hashes(ids, attempts) if self.deduplicates else NONE,
            chain=chain,
            event=event,
            lineage=_lineage(events),
            faults={**wrong_topic.feedback_faults(events), **self._reserved(events)},
        )

    def _errors(self, events: Sequence[Event]) -> Ints:
        texts, index = [event.error_type for event in events], self.error_types
        if texts.count(None) == len(texts):
            return np.zeros(len(texts), np.int64)
        return np.array([index[kind] if kind else 0 for kind in texts], np.int64)

    def _reserved(self, events: Sequence[Event]) -> Faults:
        """Return the events whose model or version has one of rollguard's own names: only new names are looked at."""
        for part, before in enumerate(self._checked):
            names = self.parts.names(part)
            if any(map(reserved.is_reserved, names[before:])):
                return reserved.faults_of(events)
            self._checked[part] = len(names)
        return {}


def _lineage(events: Sequence[Event]) -> NDArray[np.bool_]:
    """Return which events name a prompt version or an endpoint."""
    prompts = [event.prompt_version for event in events]
    if all(prompts):  # Comparing texts with None takes ten times as long.
        return np.ones(len(events), bool)
    return np.array([event.prompt_version is not None or event.endpoint is not None for event in events], bool)


def _numbers(events: Sequence[Event], field: str) -> Floats:
    if field.startswith("metrics."):
        name = field.removeprefix("metrics.")
        return np.array([(event.metrics or {}).get(name) for event in events], float)
    values = READERS[field](events)
    try:
        return packed_doubles(values)
    except PackError:
        return np.array(values, float)
