"""What every rule keeps by slot: whether the rule is about the series, its last verdict, and when it was last seen."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.arrays import Ints
from operators.policy.policy import Policy
from operators.policy.rules import Rule
from operators.rules.pane_counts import PaneCounts
from operators.rules.verdict import Verdict
from operators.stats.binomial import lower_bound, upper_bound
from operators.window.series_index import ALL_VERSIONS, SliceSeries
from operators.window.watermark import NEVER
from operators.wire.control import Evidence, Severity, Word

WORDS: tuple[Word, ...] = ("INSUFFICIENT", "OK", "BAD", "STALE")
INSUFFICIENT, OK, BAD, STALE = range(len(WORDS))
Flags = NDArray[np.bool_]


def bounded(hits: Ints, n: Ints, confidence: float) -> list[dict[str, Any]]:
    """Return `value`, `lower` and `upper` of the ratio hits / n, for each of (K,); nothing without events."""
    lower, upper = lower_bound(hits, n, 1.0 - confidence), upper_bound(hits, n, 1.0 - confidence)
    value = hits / np.maximum(n, 1)
    columns = zip(value.tolist(), lower.tolist(), upper.tolist(), n.tolist(), strict=True)
    return [{"value": v, "lower": low, "upper": high} if seen else {} for v, low, high, seen in columns]


def sparse(dense: dict[str, Any]) -> dict[str, Any]:
    """Upgrade a SeriesState saved with a row for every slot (version 1): `rows` says which slots have one."""
    kept = dense["kept"]
    more = {"member": np.packbits(kept["member"]), "rows": np.arange(len(kept)), "slots": len(kept)}
    return dense | more


class SeriesState:
    """`kept` (slots,) is a structured array with a row for each series, so that one index keeps or saves it all.

    Fields: `member` whether the rule is about the series, `word` its verdict as an index into WORDS, `seen` the last
    pane in which something of it came in, and the evaluator's own `fields`, as NumPy names and types them, 0 at first.
    """

    def __init__(self, rule: Rule, policy: Policy, fields: Sequence[tuple[Any, ...]] = ()) -> None:
        self._name = rule.name
        self._grains = rule.slices(policy.dimensions)
        self._of_versions = rule.scope == "version"
        # A series without events for this long, and with empty windows, need not be remembered as BAD.
        self._known_panes = policy.releases.known_ms // policy.pane_ms
        self.pane_ms = policy.pane_ms
        self.pane = NEVER
        # Fields that follow from the name of a series are not forgotten with it, and no reason to remember it.
        self._fields = ("word", *(str(field[0]) for field in fields if field[0] != "target"))
        self.kept = np.zeros(0, [("member", "?"), ("word", "i1"), ("seen", "i8"), *fields])

    def push(self, counts: PaneCounts, names: Sequence[SliceSeries]) -> tuple[Ints, Ints]:
        """Take the next pane; return the slots in it that the rule is about, and their rows in `counts`."""
        self.grow(names)
        self.pane = counts.pane
        return self.note(self.kept, counts)

    def grow(self, names: Sequence[SliceSeries]) -> None:
        if len(names) > len(self.kept):
            self.kept = np.concatenate([self.kept, self.begun(names[len(self.kept) :])])

    def begun(self, names: Sequence[SliceSeries]) -> NDArray[Any]:
        """Return the rows of new series."""
        more = np.zeros(len(names), self.kept.dtype)
        more["member"] = [self._covers(name) for name in names]
        more["seen"] = NEVER
        return more

    def note(self, kept: NDArray[Any], counts: PaneCounts) -> tuple[Ints, Ints]:
        """Note what came in, in `kept` (slots,), or (rules, slots) of rules that are alike; return what `push` does."""
        if not len(counts.slots):
            return counts.slots, counts.slots
        first = kept if kept.ndim == 1 else kept[0]
        rows = first["member"][counts.slots].nonzero()[0]
        slots = counts.slots[rows]
        # A series without data for `known` starts from zero, so that results do not depend on when its slot was reused.
        forgotten = slots[first["seen"][slots] <= counts.pane - self._known_panes]
        if len(forgotten):
            for name in self._fields:
                kept[name][forgotten if kept.ndim == 1 else (slice(None), forgotten)] = 0
        kept["seen"][..., slots] = counts.pane
        return slots, rows

    @property
    def about(self) -> Hashable:
        """What rules have in common that are about the same series, and remember them equally long."""
        return frozenset(self._grains), self._of_versions, self._known_panes

    def verdict(
        self, slot: int, names: Sequence[SliceSeries], evidence: Evidence, severity: Severity | None = None
    ) -> Verdict:
        """Return the verdict on a series as of this pane, from the word kept in its slot."""
        word = WORDS[self.kept["word"][slot]]
        return Verdict(
            rule=self._name, series=names[slot], word=word, pane=self.pane, evidence=evidence, severity=severity
        )

    def word(self, slot: int) -> Word | None:
        """Return the last word on a series, None if the rule is not about it."""
        known = slot < len(self.kept) and self.kept["member"][slot]
        return WORDS[self.kept["word"][slot]] if known else None

    def remembered(self) -> Flags:
        """Return, by slot, whether a known series has anything to remember that no window holds any more."""
        return np.asarray(self._some() & (self.kept["seen"] > self.pane - self._known_panes))

    def only(self, slots: Ints) -> None:
        self.kept = self.kept[slots]

    def _some(self) -> Flags:
        """Return, by slot, whether anything is kept besides when it was seen."""
        some = np.zeros(len(self.kept), bool)
        for name in self._fields:
            there = self.kept[name] != 0
            some |= there.any(axis=tuple(range(1, there.ndim)))
        return some

    def __getstate__(self) -> dict[str, Any]:
        """Save only rows with something in them; others are all zero but for `ago`, how many panes ago they were seen.

        A window may still hold something of those, and lead to a word in a pane in which nothing of them comes in.
        """
        rows, member, known = np.flatnonzero(self._some()), self.kept["member"], self._known_panes
        ago = np.clip(self.pane - self.kept["seen"][member], 0, known).astype(np.min_scalar_type(known))
        state = {"kept": self.kept[rows], "member": np.packbits(member), "ago": ago}
        return self.__dict__ | state | {"rows": rows, "slots": len(self.kept)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rows, slots, member, ago = (state.pop(name) for name in ("rows", "slots", "member", "ago"))
        self.__dict__.update(state)
        kept, self.kept = self.kept, np.zeros(slots, self.kept.dtype)
        self.kept["member"] = np.unpackbits(member, count=slots)
        self.kept["seen"] = NEVER
        if ago is not None:  # Not kept by older workers.
            seen = np.where(ago < self._known_panes, self.pane - ago.astype(np.int64), NEVER)
            self.kept["seen"][self.kept["member"]] = seen
        self.kept[rows] = kept

    def _covers(self, name: SliceSeries) -> bool:
        if (name.version != ALL_VERSIONS) != self._of_versions:
            return False
        return frozenset(name.dims) in self._grains or frozenset(name.dims.items()) in self._grains
