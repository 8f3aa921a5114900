"""Which column of counts belongs to which SLI and measure in a recovery store: counts go on when a policy changes.

Columns of SLIs and measures are only ever added. What a new policy shares with the one before keeps its column, what it
leaves out keeps an empty one, and what is new gets the next. Slice dimensions and watched fields are known by name:
what was counted under an earlier policy is moved to their places when it is read (`window/widening.py`). Slice
dimensions that stay keep their order, whatever the order in the file, because slices are named in it; counts are summed
over dimensions that are left out, and a new dimension has no values before it was added. Windows may change, as they
are built from closed panes that are held; where a window is longer than all before, more panes are held from then on,
in a ring of slots of its own, beside what the earlier rings still hold.

Times and limits may change too. Counts of panes of another length are stored as they are, and what is built from panes
begins anew with the first pane of the new length (`window/pane_lengths.py`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from operators.policy.measures import Measure
from operators.policy.monitors import Monitor, WatchedColumn
from operators.policy.policy import CountColumns, Policy
from operators.policy.reordering import ordered_as, reordered
from operators.policy.rules import Rule
from operators.policy.sli import Retired, Sli
from operators.policy.worker import SHARDS_ONCE


class SliColumn(msgspec.Struct, frozen=True, kw_only=True):
    """The column of an SLI: `meaning` is the SLI's whole definition, `identity` names it in saved state.

    `gone`: the SLI was left out, and does not come back. A later one that means the same is another.
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
    """How a store's counts are laid out: `widths` says by shape how many SLIs and measures, `sliced` which dimensions.

    `watching` names by shape one of the lists of watched `fields`, and `ringed` one of the `rings` of slots in which
    closed panes are held. `dimensions` and `rest` are those of the last policy. `slots` is the number of closed panes
    held, `pane_ms` their length, and `lengths` their length by shape where it differs. Models are in `spread` of the
    `shards`, 0: in all. `file` is the policy's file, where the layout is kept under another name; `alone`: the store
    was begun under one policy, and its slots of closed panes have no file name; `gone`: the last policy has no such
    file.

    A layout of an older rollguard has no `pane_ms`: a policy that goes on from it has the same `rest`, or the same
    `frame` and so the same watched fields, times and limits; its `depths` say how many dimensions there were.
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
    lengths: dict[str, int] = {}
    shards: int = SHARDS_ONCE
    spread: int = 0
    file: str = ""
    alone: bool = False
    gone: bool = False


def laid_out(policy: Policy, before: Layout | None) -> tuple[Policy, Layout] | None:
    """Return a policy with its SLIs and measures in their columns, and the new layout; None: it cannot go on.

    `before` is the layout of the store, None for a store that is new or was written under this very policy.
    """
    before = _known(policy, before)
    if before is None:
        return None
    written, policy = policy.dimensions, reordered(policy, ordered_as(policy.dimensions, before.dimensions))
    slis, measures = _sli_columns(policy, before.slis), _measure_columns(policy, before.measures)
    own = [meaning_of(sli) for sli in policy.slis], [measure.name for measure in policy.measures]
    natural = ([each.meaning for each in slis], [each.name for each in measures]) == own
    kept = [policy.rest, slis, measures, *([] if written == policy.dimensions else [policy.dimensions])]
    shape = policy.shape if natural and written == policy.dimensions else _name_of(kept)
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
    return msgspec.structs.replace(laid, earlier=columns_by_shape(after)), after


def _noted(before: Layout, laid: Policy, slis: tuple[SliColumn, ...], measures: tuple[MeasureColumn, ...]) -> Layout:
    """Return the layout, extended by what is saved under a policy from now on."""
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
        lengths=dict.fromkeys(before.widths, before.pane_ms) | before.lengths | {laid.shape: laid.pane_ms},
        shards=before.shards,
        spread=before.spread,
        file=before.file,
        alone=before.alone,
    )


def columns_by_shape(layout: Layout) -> dict[str, CountColumns]:
    """Return the columns of the counts saved under each shape."""
    return {
        shape: CountColumns(
            *widths,
            layout.sliced[shape],
            layout.fields[layout.watching[shape]],
            layout.ringed.get(shape, 0),
            layout.lengths.get(shape, layout.pane_ms),
        )
        for shape, widths in layout.widths.items()
    }


def _known(policy: Policy, before: Layout | None) -> Layout | None:
    """Return the layout that a policy goes on from; None: it cannot."""
    if before is None:
        return Layout(rest=policy.rest, shards=policy.shards, spread=policy.spread)
    if before.pane_ms:
        return before
    if before.rest != policy.rest:
        sliced = policy.dimensions[: len(before.dimensions)] == before.dimensions
        if before.frame != policy.frame or not sliced:
            return None
    # What has no depth yet was saved under the same dimensions.
    depths = {**dict.fromkeys(before.widths, len(policy.dimensions)), **before.depths}
    fields = policy.columns.watched
    return msgspec.structs.replace(
        before,
        sliced={shape: policy.dimensions[:depth] for shape, depth in depths.items()},
        watching=dict.fromkeys(depths, _name_of(fields)),
        fields={_name_of(fields): fields},
        pane_ms=policy.pane_ms,
        rings=(before.slots or policy.slots,),
    )


def identity_of(each: Rule | Monitor, dimensions: Sequence[str], *more: Any) -> bytes:
    """Return what tells a rule or monitor from others: its whole definition, with slices by their dimensions' names.

    `more` is what else it depends on. The order in which a rule names its slices does not matter.
    """
    grains = [[dimensions[index] for index in grain] for grain in each.grains]
    if isinstance(each, Rule):
        grains.sort()
    keys = msgspec.structs.asdict(each) | {"grains": grains}
    return msgspec.msgpack.encode([type(each).__name__, keys, *more], order="sorted")


def meaning_of(sli: Sli) -> dict[str, Any]:
    """Return an SLI's whole definition in JSON's types, with the SLIs that it names."""
    parts = [meaning_of(part) for part, _ in getattr(sli, "parts", ())]
    return _meaning({**_plain(sli.identity()), "parts": parts})


def _meaning(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return an SLI's definition without the numbers of its slices' dimensions, which follow from their names."""
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
