"""Which column of counts is of which SLI and measure under one recovery store: a policy may change, and counts go on.

Slice dimensions may be added behind those that there are: what was counted before is of no slice of theirs. Windows
may be other ones, as they are built from closed panes: from those that are held for the longest one there was at first.

Columns are only ever added. What a new policy has in common with the one before keeps its column, what it leaves out
keeps an empty one, and what is new gets the next. So what was saved under any earlier policy of the store is as it
would be saved now, but for columns at the end that were not there yet (`operators/window/widening.py`). What else says
which counts are kept, times, limits and watched fields, must be the same.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from operators.policy.policy import Measure, Policy, Retired, Sli, Widths


class SliColumn(msgspec.Struct, frozen=True, kw_only=True):
    """The column of an SLI: `meaning` is all that it says, `identity` what names it in saved state.

    `gone`: it was left out, and does not come back. One that means the same later is another.
    """

    meaning: dict[str, Any]
    identity: dict[str, Any]
    gone: bool = False


class MeasureColumn(msgspec.Struct, frozen=True, kw_only=True):
    """The column of a measure."""

    name: str
    digits: int
    gone: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """`widths` has by shape how many SLIs and measures what was saved under it has, `depths` how many dimensions.

    `rest` names what else must be the same, but for the `dimensions` and windows: with another only `frame` must be.
    `slots` is how many closed panes are held. A layout of an older rollguard has none of these: they are as of the
    policy with the same `rest`.
    """

    rest: str
    slis: tuple[SliColumn, ...] = ()
    measures: tuple[MeasureColumn, ...] = ()
    widths: dict[str, tuple[int, int]] = {}
    frame: str = ""
    dimensions: tuple[str, ...] = ()
    depths: dict[str, int] = {}
    slots: int = 0


def laid_out(policy: Policy, before: Layout | None) -> tuple[Policy, Layout] | None:
    """Return a policy with its SLIs and measures in their columns, and the layout from now on; None: it cannot go on.

    `before` is the layout of the store, None of one that is new or was written under this very policy.
    """
    before = _known(policy, before)
    if before is None:
        return None
    slis, measures = _sli_columns(policy, before.slis), _measure_columns(policy, before.measures)
    own = [meaning_of(sli) for sli in policy.slis], [measure.name for measure in policy.measures]
    natural = ([each.meaning for each in slis], [each.name for each in measures]) == own
    shape = policy.shape if natural else _name_of([policy.rest, slis, measures])
    widths = {**before.widths, shape: (len(slis), len(measures))}
    depths = {**before.depths, shape: len(policy.dimensions)}
    here = {_name_of(meaning_of(sli)): sli for sli in policy.slis}
    laid = msgspec.structs.replace(
        policy,
        slis=tuple(
            Retired(good="", name=f"column {at}", was=each.identity) if each.gone else here[_name_of(each.meaning)]
            for at, each in enumerate(slis)
        ),
        measures=tuple(
            Measure(name=f"column {at}" if each.gone else each.name, digits=each.digits, retired=each.gone)
            for at, each in enumerate(measures)
        ),
        shape=shape,
        ring=max(before.slots, policy.slots),
        widths={name: Widths(*widths[name], depths[name]) for name in widths},
    )
    return laid, Layout(
        rest=policy.rest,
        slis=slis,
        measures=measures,
        widths=widths,
        frame=policy.frame,
        dimensions=policy.dimensions,
        depths=depths,
        slots=laid.slots,
    )


def _known(policy: Policy, before: Layout | None) -> Layout | None:
    """Return the layout that a policy goes on from; None: it cannot."""
    if before is None:
        return Layout(rest=policy.rest)
    if before.rest == policy.rest:  # Under the same dimensions all was saved that has no depth yet.
        depths = {**dict.fromkeys(before.widths, len(policy.dimensions)), **before.depths}
        return msgspec.structs.replace(before, depths=depths)
    sliced = policy.dimensions[: len(before.dimensions)] == before.dimensions
    held = policy.slots <= before.slots
    return before if before.frame == policy.frame and sliced and held else None


def meaning_of(sli: Sli) -> dict[str, Any]:
    """Return all that an SLI says, as JSON has it, with what it names."""
    parts = [meaning_of(part) for part, _ in getattr(sli, "parts", ())]
    return {**_plain(sli.identity()), "parts": parts}


def _sli_columns(policy: Policy, before: Sequence[SliColumn]) -> tuple[SliColumn, ...]:
    own = [(meaning_of(sli), _plain(sli.identity())) for sli in policy.slis]
    meanings = [meaning for meaning, _ in own]
    kept = [msgspec.structs.replace(each, gone=each.gone or each.meaning not in meanings) for each in before]
    known = [each.meaning for each in kept if not each.gone]
    return (*kept, *(SliColumn(meaning=each, identity=named) for each, named in own if each not in known))


def _measure_columns(policy: Policy, before: Sequence[MeasureColumn]) -> tuple[MeasureColumn, ...]:
    own = {measure.name: measure for measure in policy.measures}
    kept = [msgspec.structs.replace(each, gone=each.gone or each.name not in own) for each in before]
    known = {each.name for each in kept if not each.gone}
    return (*kept, *(MeasureColumn(name=name, digits=each.digits) for name, each in own.items() if name not in known))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(values))
    return found


def _name_of(values: object) -> str:
    return hashlib.sha256(msgspec.json.encode(values, order="sorted")).hexdigest()[:16]
