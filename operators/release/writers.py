"""Who writes events on a model? Two workers at once would contradict each other: their revisions grow side by side.

Every worker has an id, that of its recovery store, and sends it beside each control event (not in it, as a replay gives
the same bytes). A worker that takes over from another writes alone from then on; two that run at once take turns.
Events on no model ("") come from all workers that read the same inputs, whatever their models: they show no rival.
"""

from typing import TypeVar

T = TypeVar("T")

MODELS_MAX = 10_000  # Of each kind; beyond that the oldest is forgotten.


class Turns:
    """The events as a reader sees them: which worker's events follow which."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}
        self._before: dict[str, set[str]] = {}

    def take(self, model: str, writer: str) -> str | None:
        """Note an event; return words for people if it is from another writer than the one before it.

        >>> turns = Turns()
        >>> turns.take("m", "a")
        >>> turns.take("m", "b")
        'worker b writes of model m from now on, after worker a'
        >>> turns.take("m", "a")
        'two workers write of model m at once: a and b'
        """
        if not model:
            return None
        last = self._last.pop(model, writer)
        self._last[model] = writer
        if len(self._last) > MODELS_MAX:
            oldest = next(iter(self._last))
            del self._last[oldest]
            self._before.pop(oldest, None)
        if not writer or not last or writer == last:
            return None
        before = self._before.setdefault(model, set())
        returned = writer in before
        before.add(last)
        if returned:
            return f"two workers write of model {model} at once: {' and '.join(sorted((writer, last)))}"
        return f"worker {writer} writes of model {model} from now on, after worker {last}"


class Rivals:
    """What one worker, `own`, sees of others that write events on its models."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._ours: dict[str, None] = {}
        self._others: dict[str, str] = {}

    def recall(self, model: str, writer: str) -> None:
        """Note an event from before this worker began: own models count, others may have been taken over."""
        if writer == self._own:
            _keep(self._ours, model, None)

    def take(self, model: str, writer: str) -> str | None:
        """Note an event; return the other worker that writes on one of our models, if this event shows it.

        >>> rivals = Rivals("a")
        >>> rivals.take("m", "b")
        >>> rivals.take("m", "a")
        'b'
        >>> rivals.take("m", "b")
        'b'
        >>> rivals.take("n", "b")
        """
        if not model:
            return None
        if writer == self._own:
            _keep(self._ours, model, None)
            return self._others.get(model)
        _keep(self._others, model, writer or "without an id")
        return self._others[model] if model in self._ours else None


def _keep(known: dict[str, T], model: str, value: T) -> None:
    known.pop(model, None)
    known[model] = value
    if len(known) > MODELS_MAX:
        del known[next(iter(known))]
