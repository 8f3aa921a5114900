"""Which of several policies takes a model: at most one does; one policy may take all the models that no other names."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from operators.policy.globs import is_pattern

REMEMBERED = 100_000  # Models: as many as anybody has, and only some megabytes of names.
NOBODY = -1


class Claims:
    """`models` lists for each policy the models it takes, as names or patterns; `rest` is the policy of all others.

    No model may be taken twice (`policy_file/teams.py` sees to that).
    """

    def __init__(self, models: Sequence[Sequence[str]], rest: int | None) -> None:
        self.rest = NOBODY if rest is None else rest
        self._named = {name: team for team, some in enumerate(models) for name in some if not is_pattern(name)}
        self._patterns = [(name, team) for team, some in enumerate(models) for name in some if is_pattern(name)]
        self._known: dict[str, int] = {}

    @property
    def first(self) -> int:
        """The policy that gets what concerns no model: that of the rest, else the first."""
        return max(self.rest, 0)

    def of(self, model: str) -> int:
        """Return the number of the policy of a model, NOBODY where none takes it."""
        known = self._known.get(model)
        if known is None:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            known = self._known[model] = self._find(model)
        return known

    def _find(self, model: str) -> int:
        if model in self._named:
            return self._named[model]
        return next((team for pattern, team in self._patterns if fnmatchcase(model, pattern)), self.rest)
