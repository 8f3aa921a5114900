"""Two policies over the same events: those of files, or those that the store has of some days."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from flows import replay
from flows.backtest.comparing import Comparison, summed
from flows.backtest.hearing import Heard, heard
from flows.backtest.printing import minute
from operators.connectors.stop import Stop
from operators.ingest.formats.format import Stream
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared: all of `files` is read, and what is said from `start` until before `end` [Unix ms] counts.

    None: from the first event, and to the last one. `notes` are what to know of the files.
    """

    files: Mapping[Stream, Sequence[Path]]
    forms: Mapping[Stream, str] = {}
    start: int | None = None
    end: int | None = None
    pseudonyms: Pseudonyms = Pseudonyms()
    notes: Sequence[str] = ()


def compare(old: Policy, new: Policy, asked: Asked, stop: Stop, progressed: Callable[[str, int], None]) -> Comparison:
    """Return what both policies say. OSError, GivenTwice, TooManyRejects; what was read until a `stop` is compared."""
    runs = [_heard(policy, asked, stop, progressed) for policy in (old, new)]
    first, last = runs[0].first_ms or 0, runs[0].last_ms or 0
    start = first if asked.start is None else asked.start
    end = last + 1 if asked.end is None else asked.end
    of_old, of_new = (summed(policy.hash, run.events, start, end) for policy, run in zip((old, new), runs, strict=True))
    return Comparison(
        start=start,
        end=end,
        items=runs[0].items,
        refused=runs[0].refused,
        old=of_old,
        new=of_new,
        notes=[*asked.notes, *_elsewhere(runs[0], start, end)],
    )


def _elsewhere(run: Heard, start: int, end: int) -> list[str]:
    """Say where the files are, if they have nothing of the time that is asked for: then nothing is said of it."""
    first, last = run.first_ms, run.last_ms
    if first is None or last is None or (first < end and last >= start):
        return []
    return [f"nothing is of that time: events and feedback are of {minute(first)} to {minute(last)} UTC"]


def _heard(policy: Policy, asked: Asked, stop: Stop, progressed: Callable[[str, int], None]) -> Heard:
    inputs = replay.inputs_of(asked.files, policy, progressed, pseudonyms=asked.pseudonyms, forms=asked.forms)
    return heard(inputs, policy, stop)
