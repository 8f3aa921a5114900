"""Where a table stands in a policy: looks up what its keys refer to, and refuses a wrong reference by its key."""

from collections.abc import Sequence
from typing import Any

from operators.policy.errors import PolicyError
from operators.policy.policy import RUNBOOKS, Policy
from operators.policy.reading import SPAN_MS_MAX, Duration, span
from operators.policy.rules import Grain
from operators.policy.slices import named_values
from operators.spans import HOUR_MS

# Why monitors cannot watch an SLI by cohorts.
COHORTS = "is counted by when requests were made: it has rows in sli_cohort, and no value for each pane"
RULED_MS_MAX = HOUR_MS  # Requests of this span are kept until it is over.


class TablePlace:
    """The place of a table in the policy; `policy` is checked but for its rules."""

    def __init__(self, prefix: str, raw: dict[str, Any], policy: Policy) -> None:
        self.prefix, self.raw, self.policy = prefix, raw, policy

    def refuse(self, key: str, allowed: str, value: object = None) -> PolicyError:
        return PolicyError(f"{self.prefix}.{key}", self.raw.get(key) if value is None else value, allowed)

    def span(self, key: str, time: Duration, least: int = 1) -> int:
        """Return a time that must be a whole number of panes, and at least `least` of them."""
        pane = self.policy.pane_ms
        if time.ms % pane or time.ms < least * pane:
            raise self.refuse(key, f"must be a multiple of time.pane ({span(pane)})", time.text)
        if time.ms > SPAN_MS_MAX:
            raise self.refuse(key, "must be at most 366d", time.text)
        return time.ms

    def rounded(self, key: str, time: Duration, *, none: bool) -> int:
        """Return a time, rounded up to whole panes; zero is refused unless `none`."""
        if time.ms == 0 and not none:
            raise self.refuse(key, "must be more than nothing", time.text)
        if time.ms > SPAN_MS_MAX:
            raise self.refuse(key, "must be at most 366d", time.text)
        return -(-time.ms // self.policy.pane_ms) * self.policy.pane_ms

    def sli(self, key: str, name: str) -> str:
        within_ms = max((sli.within_ms or 0 for sli in self.policy.slis if sli.name == name), default=0)
        if within_ms > RULED_MS_MAX:
            most = f"must have within = {span(RULED_MS_MAX)} at most for rules to be about it"
            raise self.refuse(key, f"{most}, has {span(within_ms)}", name)
        known = [sli.name for sli in self.policy.slis]
        if name not in known:
            raise self.refuse(key, f"must be one of the SLIs {', '.join(known) or '(there are none)'}", name)
        return name

    def page(self, kind: str) -> str:
        """Return the runbook of a kind of rule."""
        return f"{RUNBOOKS}/{kind}.md"

    def grain(self, text: str) -> Grain:
        """Return the grain of a reported slice, which may be named by values: `region`, `region=eu`, `*`."""
        dimensions, grains = self.policy.dimensions, self.policy.grains
        names = self._names(text)
        grain = tuple(sorted(dimensions.index(name) for name in names if name in dimensions))
        if len(grain) < len(names) or grain not in grains:
            known = " ".join(f'"{",".join(dimensions[index] for index in each) or "*"}"' for each in grains)
            raise self.refuse("slices", f"must be one of the reported slices {known}{self._why(names)}", text)
        return grain

    def _why(self, names: Sequence[str]) -> str:
        """Say why there is no slice by these dimensions."""
        unknown = [name for name in names if name not in self.policy.dimensions]
        if not unknown:
            return f"; name {names} in slices.crosses" if len(set(names)) == len(names) else ""
        example = self.policy.dimensions[0] if self.policy.dimensions else None
        values = "" if example is None else f', or values of them such as "{example}=..."'
        return f"{values}; {unknown[0]!r} is none of slices.dimensions"

    def grains(self, texts: tuple[str, ...]) -> tuple[Grain, ...]:
        """Return the grains of slices, each once."""
        found: dict[Grain, bool] = {}  # Whether the grain is limited to some of its values.
        for index, text in enumerate(texts):
            grain, limited = self.grain(text), named_values(text) is not None
            if text in texts[:index] or (grain in found and not (limited and found[grain])):
                raise self.refuse("slices", "is named twice", text)
            found[grain] = limited
        return tuple(found)

    def named(self, texts: tuple[str, ...]) -> tuple[tuple[tuple[str, str], ...], ...]:
        """Return the slices that are named by their values, with dimensions in the policy's order."""
        found = [values for text in texts if (values := named_values(text)) is not None]
        order = self.policy.dimensions.index
        return tuple(tuple(sorted(values, key=lambda pair: order(pair[0]))) for values in found)

    def _names(self, text: str) -> list[str]:
        if text == "*":
            return []
        values = named_values(text)
        return text.split(",") if values is None else [name for name, _ in values]
