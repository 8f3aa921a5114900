"""Runs two policies over the same events: those of files, or the store's of some days."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from flows import replay
from flows.backtest.comparing import Comparison, summed
from flows.backtest.hearing import Heard, heard
from flows.backtest.noting import notes_of, unfollowed
from flows.backtest.outcomes import NothingToMeasure
from flows.backtest.printing import minute
from operators.connectors.stop import Stop
from operators.ingest.formats.format import Stream
from operators.policy.policy import Policy
from operators.pseudonyms import Pseudonyms


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared: all `files` are read, and events from `start` until before `end` [Unix ms] count.

    A time longer than that of the files is cut to theirs; None: from the first event, or to the last one. `notes` are
    remarks on the files.
    """

    files: Mapping[Stream, Sequence[Path]]
    forms: Mapping[Stream, str] = {}
    start: int | None = None
    end: int | None = None
    pseudonyms: Pseudonyms = Pseudonyms()
    notes: Sequence[str] = ()


def compare(old: Policy, new: Policy, asked: Asked, stop: Stop, progressed: Callable[[str, int], None]) -> Comparison:
    """Return what both policies say; after a `stop`, of what was read until then.

    NothingToMeasure; OSError, GivenTwice, ReadOnce, TooManyRejects.
    """
    replay.require_files(asked.files)
    runs = [_heard(policy, asked, stop, progressed) for policy in (old, new)]
    start, end = _covered(asked, runs[0])
    of_old, of_new = (summed(policy.hash, run.events, start, end) for policy, run in zip((old, new), runs, strict=True))
    noted = [*notes_of({"now": (old, runs[0]), "new": (new, runs[1])}, start, end)]
    noted += [note for each in (("now", of_old), ("new", of_new)) for note in unfollowed(*each)]
    return Comparison(
        start=start,
        end=end,
        items=runs[0].items,
        refused=runs[0].refused,
        old=of_old,
        new=of_new,
        notes=[*asked.notes, *noted],
    )


def _covered(asked: Asked, run: Heard) -> tuple[int, int]:
    """Return the start and end [Unix ms] of the comparison: the time asked for, cut to that of the events."""
    first, last = run.first_ms, run.last_ms
    if first is None or last is None:
        refused = f"; {run.refused} items were refused ({', '.join(run.refusals)})" if run.refused else ""
        raise NothingToMeasure(f"there are no events and no feedback to compare by{refused}")
    start = first if asked.start is None else max(first, asked.start)
    end = last + 1 if asked.end is None else min(last + 1, asked.end)
    if start >= end:
        of = f"events and feedback are of {minute(first)} to {minute(last)} UTC"
        raise NothingToMeasure(f"--from and --to: nothing is of that time: {of}")
    return start, end


def _heard(policy: Policy, asked: Asked, stop: Stop, progressed: Callable[[str, int], None]) -> Heard:
    inputs = replay.inputs_of(asked.files, policy, progressed, pseudonyms=asked.pseudonyms, forms=asked.forms)
    return heard(inputs, policy, stop)
