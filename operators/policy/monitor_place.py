"""The checks that all kinds of monitors share: that fields, series, profiles and windows exist and fit."""

from collections.abc import Callable

from operators.policy.errors import PolicyError
from operators.policy.monitors import FEATURES, OnWire, Reference
from operators.policy.place import COHORTS, TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import UNITS_MS, Duration
from operators.policy.rules import Grain
from operators.policy.sli import by_cohorts
from operators.policy.slices import named_values
from operators.policy.watched import FIELDS_ALLOWED, is_watchable
from operators.profiles.profile import EMBEDDING, RESIDUAL, Field, Profile

EVERY = "*"  # All fields of the profile.


class Reading:
    """The place of a monitor in the policy, and its profile; `path` is the profile's as the policy writes it."""

    def __init__(self, key: TablePlace, profile: Profile | None, path: str | None) -> None:
        self.key, self.profile, self.path = key, profile, path

    @property
    def policy(self) -> Policy:
        return self.key.policy

    @property
    def profile_name(self) -> str:
        """The name of the profile's content, "" without one."""
        return "" if self.profile is None else self.profile.name

    def refuse(self, key: str, allowed: str, value: object = None) -> PolicyError:
        return self.key.refuse(key, allowed, value)

    def grains(self, texts: tuple[str, ...]) -> tuple[Grain, ...]:
        for text in texts:
            if named_values(text) is not None:
                raise self.refuse("slices", "must name dimensions alone: a monitor watches all their values", text)
        return self.key.grains(texts)

    def numbers(self, on: OnWire) -> tuple[str, ...]:
        """Return the fields that `on` names, which must have a mean."""
        return self.each([on] if isinstance(on, str) else on, self.number)

    def all_series(self, on: OnWire) -> tuple[str, ...]:
        """Return the SLIs and measures that `on` names."""
        return self.each([on] if isinstance(on, str) else on, self.series)

    def fields(self, on: OnWire) -> tuple[str, ...]:
        """Return the fields that `on` names, which the profile, if there is one, must have."""
        if on == EVERY:
            profile = self.profile_of(EVERY)
            return self.each([*profile.fields, *([EMBEDDING] if profile.embedding else [])], self.field)
        return self.each([on] if isinstance(on, str) else on, self.field)

    def each(self, names: list[str], check: Callable[[str], object]) -> tuple[str, ...]:
        for index, name in enumerate(names):
            check(name)
            if name in names[:index]:
                raise self.key.refuse("on", "is named twice", name)
        return tuple(names)

    def field(self, name: str) -> Field | None:
        if not is_watchable(name):
            raise self.key.refuse("on", FIELDS_ALLOWED, name)
        found = None if self.profile is None else self.profile.field(name)
        if self.profile is not None and found is None:
            known = ", ".join([*self.profile.fields, *([EMBEDDING] if self.profile.embedding else [])])
            raise self.key.refuse("on", f"is no field of the profile {self.path}; it has {known}", name)
        return found

    def number(self, name: str) -> None:
        """Refuse a field that has no mean."""
        field = self.field(name)
        if name in ("prediction", EMBEDDING, RESIDUAL) and field is None:
            raise self.key.refuse("on", "is no number, or needs a profile that says so", name)
        if field is not None and field.moments is None:
            raise self.key.refuse("on", f"is no number in the profile {self.path}", name)

    def series(self, name: str) -> None:
        """Refuse a name that has no value for each pane."""
        if name in {f"sli.{sli.name}" for sli in by_cohorts(self.key.policy.slis).values()}:
            raise self.key.refuse("on", COHORTS, name)
        slis = [f"sli.{sli.name}" for sli in self.key.policy.slis]
        known = [*slis, *(measure.name for measure in self.key.policy.measures)]
        if name.startswith(FEATURES):
            self.number(name)
        elif name not in known:
            allowed = f"must be an SLI or a measure: {', '.join(known) or '(there are none)'}; or features.NAME"
            raise self.key.refuse("on", allowed, name)

    def profile_of(self, what: str) -> Profile:
        if self.profile is None:
            raise self.key.refuse("profile", f"is required with {what}, here or as drift.profile")
        return self.profile

    def window(self, window: Duration, reference: Reference = "profile") -> int:
        """Return the size of a window that tumbles from midnight on, and recurs a week later."""
        size = self.key.span("window", window)
        if UNITS_MS["d"] % size and size % UNITS_MS["d"]:
            raise self.key.refuse("window", "must divide one day, or be a multiple of it", window.text)
        if reference == "last_week" and 7 * UNITS_MS["d"] % size:
            raise self.key.refuse("window", 'must divide seven days with reference = "last_week"', window.text)
        return size
