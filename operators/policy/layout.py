"""Which column of counts is of which SLI and measure under one recovery store: a policy may change, and counts go on.

Columns of SLIs and measures are only ever added. What a new policy has in common with the one before keeps its column,
what it leaves out keeps an empty one, and what is new gets the next. Slice dimensions and watched fields are known by
name: what was counted under an earlier policy is moved to their places when it is read (`window/widening.py`). Slice
dimensions that are left out are added up over, and of one that is new nothing is known before. Windows may be other
ones, as they are built from closed panes that are held; where one is longer than all before, more are held from then
on, in a ring of slots of its own, beside what the rings before still hold.

Times, but for the length of a pane, and limits may be others too. What must stay is the length of a pane, and the order
of the slice dimensions that stay: they name slices.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from operators.policy.errors import PolicyError
from operators.policy.monitors import WatchedColumn
from operators.policy.policy import CountColumns, Measure, Policy, Retired, Sli
from operators.policy.reading import span

OTHER_STORE = "name a new --recovery folder and where to start with --from"


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
    """`widths` has by shape how many SLIs and measures what was saved under it has, `sliced` which dimensions.

    `watching` names by shape one of the lists of watched `fields`, and `ringed` says in which of the `rings` of slots
    closed panes are held. `dimensions` and `rest` are those of the last policy; `slots` is how many closed panes are
    held, `pane_ms` how long one is.

    A layout of an older rollguard has no `pane_ms`: what goes on from it has the same `rest`, or the same `frame` and
    so the same watched fields, times and limits; its `depths` say how many dimensions there were.
    """

    rest: str
    slis: tuple[SliColumn, ...] = ()
    measures: tuple[MeasureColumn, ...] = ()
    widths: dict[str, tuple[int, int]] = {}
    frame: str = ""
    dimensions: tuple[str, ...] = ()
    depths: dict[str, int] = {}
    slots: int = 0
    pane_ms: int = 0
    sliced: dict[str, tuple[str, ...]] = {}
    watching: dict[str, str] = {}
    fields: dict[str, tuple[WatchedColumn, ...]] = {}
    rings: tuple[int, ...] = ()
    ringed: dict[str, int] = {}


def laid_out(policy: Policy, before: Layout | None) -> tuple[Policy, Layout] | None:
    """Return a policy with its SLIs and measures in their columns, and the layout from now on; None: it cannot go on.

    `before` is the layout of the store, None of one that is new or was written under this very policy. PolicyError
    names what cannot go on, where that is known.
    """
    before = _known(policy, before)
    if before is None:
        return None
    slis, measures = _sli_columns(policy, before.slis), _measure_columns(policy, before.measures)
    own = [meaning_of(sli) for sli in policy.slis], [measure.name for measure in policy.measures]
    natural = ([each.meaning for each in slis], [each.name for each in measures]) == own
    shape = policy.shape if natural else _name_of([policy.rest, slis, measures])
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
        rings=before.rings if before.rings and before.rings[-1] >= policy.slots else (*before.rings, policy.slots),
    )
    after = _noted(before, laid, slis, measures)
    return msgspec.structs.replace(laid, earlier=_columns(after)), after


def _noted(before: Layout, laid: Policy, slis: tuple[SliColumn, ...], measures: tuple[MeasureColumn, ...]) -> Layout:
    """Return the layout with what is saved under a policy from now on."""
    columns = laid.columns
    fields = _name_of(columns.watched)
    return Layout(
        rest=laid.rest,
        slis=slis,
        measures=measures,
        widths=before.widths | {laid.shape: (columns.slis, columns.measures)},
        frame=laid.frame,
        dimensions=laid.dimensions,
        depths=before.depths | {laid.shape: len(laid.dimensions)},
        slots=laid.slots,
        pane_ms=laid.pane_ms,
        sliced=before.sliced | {laid.shape: laid.dimensions},
        watching=before.watching | {laid.shape: fields},
        fields=before.fields | {fields: columns.watched},
        rings=laid.rings,
        ringed=before.ringed | {laid.shape: columns.ring},
    )


def _columns(layout: Layout) -> dict[str, CountColumns]:
    """Return by shape what was saved under it has columns for."""
    return {
        shape: CountColumns(
            *widths, layout.sliced[shape], layout.fields[layout.watching[shape]], layout.ringed.get(shape, 0)
        )
        for shape, widths in layout.widths.items()
    }


def _known(policy: Policy, before: Layout | None) -> Layout | None:
    """Return the layout that a policy goes on from; None: it cannot. PolicyError."""
    if before is None:
        return Layout(rest=policy.rest)
    if before.pane_ms:
        _check(policy, before)
        return before
    if before.rest != policy.rest:
        sliced = policy.dimensions[: len(before.dimensions)] == before.dimensions
        if before.frame != policy.frame or not sliced:
            return None
    # Under the same dimensions all was saved that has no depth yet.
    depths = {**dict.fromkeys(before.widths, len(policy.dimensions)), **before.depths}
    fields = policy.columns.watched
    return msgspec.structs.replace(
        before,
        sliced={shape: policy.dimensions[:depth] for shape, depth in depths.items()},
        watching=dict.fromkeys(depths, _name_of(fields)),
        fields={_name_of(fields): fields},
        rings=(before.slots or policy.slots,),
    )


def _check(policy: Policy, before: Layout) -> None:
    """PolicyError where what was counted cannot go on."""
    if policy.pane_ms != before.pane_ms:
        raise PolicyError(
            "time.pane",
            span(policy.pane_ms),
            f"is {span(before.pane_ms)} in the recovery store, and counts of a pane cannot be divided: {OTHER_STORE}",
        )
    stayed = [name for name in policy.dimensions if name in before.dimensions]
    if stayed != [name for name in before.dimensions if name in stayed]:
        raise PolicyError(
            "slices.dimensions",
            list(policy.dimensions),
            f"has those that stay in another order than the recovery store, {list(before.dimensions)}, and names of "
            f"slices follow it: leave them in that order, or {OTHER_STORE}",
        )


def meaning_of(sli: Sli) -> dict[str, Any]:
    """Return all that an SLI says, as JSON has it, with what it names."""
    parts = [meaning_of(part) for part, _ in getattr(sli, "parts", ())]
    return _meaning({**_plain(sli.identity()), "parts": parts})


def _meaning(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an SLI says without the numbers of its slices' dimensions, which follow from their names."""
    return {key: value for key, value in keys.items() if key != "places"}


def _sli_columns(policy: Policy, before: Sequence[SliColumn]) -> tuple[SliColumn, ...]:
    own = [(meaning_of(sli), _plain(sli.identity())) for sli in policy.slis]
    meanings = [meaning for meaning, _ in own]
    columns = [msgspec.structs.replace(each, meaning=_meaning(each.meaning)) for each in before]
    kept = [msgspec.structs.replace(each, gone=each.gone or each.meaning not in meanings) for each in columns]
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
