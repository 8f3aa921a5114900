"""Which of many names have one of few places, by how much traffic they have: decided from whole panes alone.

A name gets a place while there is room. Once there is none, a name that was silent for `SILENT_MS` makes room, and so
does the least busy one for a name with more than twice its weight and `MORE_MIN` events beyond. So names with an event
each push nobody out, what has a real share of the traffic gets a place within a few panes, and two names of like weight
do not change places again and again. Declared names always have a place, as far as there are any. A weight is the
events of a name, halved every `HALF_MS`.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from operators.spans import DAY_MS

Name = tuple[object, ...]  # A series, a (version,) or a (model,).

SILENT_MS = DAY_MS  # A name without events for this long makes room for another.
HALF_MS = 600_000
MORE_MIN = 10


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """The pane that closes, its length in ms, and how many `places` there are."""

    pane: int
    pane_ms: int
    places: int


class Admitted(msgspec.Struct, kw_only=True):
    """The names of one kind under each owner: `last[owner][name]` is the last pane of those that have a place.

    `weights` are theirs, `waiting` those of the busiest others; both as of the last of the halvings, `halved`.
    """

    last: dict[str, dict[Name, int]] = {}
    weights: dict[str, dict[Name, int]] = {}
    waiting: dict[str, dict[Name, int]] = {}
    halved: dict[str, int] = {}

    def admit(self, owner: str, counts: Mapping[Name, int], at: Places, declared: Collection[Name] = ()) -> set[Name]:
        """Take the events by name of a pane, all of one owner; return the names that lost their place."""
        last, weights = self.last.setdefault(owner, {}), self.weights.setdefault(owner, {})
        waiting = self.waiting.setdefault(owner, {})
        self._halve(owner, at.pane * at.pane_ms // HALF_MS)
        # There are fewer places than before: the policy is another one.
        gone = self._shrink(owner, at.places, declared) if len(last) > at.places else set()
        new = []
        for name, count in counts.items():
            if name in last:
                last[name] = at.pane
                weights[name] = weights.get(name, 0) + count
            else:
                new.append(name)
                waiting[name] = waiting.get(name, 0) + count
        if not new:
            return gone
        if len(last) + len(new) <= at.places:
            self._place(owner, new, at, declared)  # Nobody makes room, whoever comes first.
        else:
            before = set(last)
            self._forget_silent(owner, at, declared)
            new.sort(key=lambda name: (name not in declared, -waiting[name], name))
            self._place(owner, new, at, declared)
            gone = (before | gone) - last.keys()
        if len(waiting) > at.places:
            busiest = sorted(waiting, key=lambda name: (-waiting[name], name))[: at.places]
            self.waiting[owner] = {name: waiting[name] for name in busiest}
        return gone

    def note(self, owner: str, name: Name, counted: tuple[int, int], halving: int) -> None:
        """Take events, and the last pane with any, of a name that has a place; `halving` is that of all."""
        if self.halved.get(owner) != halving:
            self._halve(owner, halving)
        events, pane = counted
        last, weights = self.last[owner], self.weights[owner]
        last[name] = max(last[name], pane)
        weights[name] = weights.get(name, 0) + events

    def has_room(self, owner: str, names: Collection[Name], places: int) -> bool:
        """Tell whether names have a place or find one, without anybody making room."""
        last = self.last.get(owner, {})
        return len(last) + sum(name not in last for name in names) <= places

    def has(self, owner: str, name: Name) -> bool:
        return name in self.last.get(owner, ())

    def forget(self, owner: str) -> None:
        """Forget an owner and its names."""
        for kept in (self.last, self.weights, self.waiting):
            kept.pop(owner, None)
        self.halved.pop(owner, None)

    def remove(self, owner: str, names: Collection[Name]) -> None:
        """Take their places away."""
        for name in names:
            del self.last[owner][name]
            self.weights[owner].pop(name, None)

    def _shrink(self, owner: str, places: int, declared: Collection[Name]) -> set[Name]:
        """Take their places from the least busy, as far as there are too many; return these."""
        weights, waiting = self.weights[owner], self.waiting[owner]
        yielding = sorted((name not in declared, -weights.get(name, 0), name) for name in self.last[owner])
        out = {name for _, _, name in yielding[places:]}
        waiting |= {name: weights.get(name, 0) for name in out}
        self.remove(owner, out)
        return out

    def _halve(self, owner: str, number: int) -> None:
        times = number - self.halved.get(owner, number)
        self.halved[owner] = number
        if times > 0:
            for weights in filter(None, (self.weights[owner], self.waiting[owner])):
                halved = {name: weight >> times for name, weight in weights.items() if weight >> times}
                weights.clear()
                weights.update(halved)

    def _forget_silent(self, owner: str, at: Places, declared: Collection[Name]) -> None:
        silent = SILENT_MS // at.pane_ms
        last = self.last[owner]
        self.remove(owner, [n for n, seen in last.items() if at.pane - seen > silent and n not in declared])

    def _place(self, owner: str, new: Sequence[Name], at: Places, declared: Collection[Name]) -> None:
        """Give names a place, the first ones first, until one finds none."""
        last, weights, waiting = self.last[owner], self.weights[owner], self.waiting[owner]
        least: list[Name] | None = None  # The least busy last.
        for name in new:
            if len(last) >= at.places:
                if least is None:
                    yielding = (other for other in last if other not in declared)
                    least = sorted(yielding, key=lambda other: (weights.get(other, 0), other), reverse=True)
                if not least or not (name in declared or waiting[name] > 2 * weights.get(least[-1], 0) + MORE_MIN):
                    return
                out = least.pop()
                waiting[out] = weights.get(out, 0)
                self.remove(owner, [out])
            last[name], weights[name] = at.pane, waiting.pop(name)
