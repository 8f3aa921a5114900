"""Which of many names get one of few places, by their traffic: decided from whole panes alone.

A name gets a place while there is room. Once there is none, a name that was silent for `SILENT_MS` makes room, and so
does the least busy one for a name whose weight exceeds twice its own by `MORE_MIN` events. So names with one event
each push none out, a name with a real share of the traffic gets a place within a few panes, and two names of like
weight do not swap places again and again. Declared names always have a place while places last. A weight is the
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
    """The names of one kind under each owner: `last[owner][name]` is the last pane of a name with a place.

    `weights` are those of names with a place, `waiting` of the busiest others, both as of the last halving, `halved`.
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
        # There are fewer places than before: the policy has changed.
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
            self._place(owner, new, at, declared)  # No name makes room, whichever comes first.
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
        """Take events, and the last pane with any, of a name that has a place, as of this `halving`."""
        if self.halved.get(owner) != halving:
            self._halve(owner, halving)
        events, pane = counted
        last, weights = self.last[owner], self.weights[owner]
        last[name] = max(last[name], pane)
        weights[name] = weights.get(name, 0) + events

    def has_room(self, owner: str, names: Collection[Name], places: int) -> bool:
        """Tell whether names have a place or find one without another making room."""
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
        """Take places away from names."""
        for name in names:
            del self.last[owner][name]
            self.weights[owner].pop(name, None)

    def _shrink(self, owner: str, places: int, declared: Collection[Name]) -> set[Name]:
        """Take places from the least busy names, as many as are too many; return these names."""
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
        least: list[Name] | None = None  # Least busy last.
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
