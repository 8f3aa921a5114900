"""Read `[[rule]]` and `[release]` of a policy: a fault is named by its key, its value and what is allowed there.

A rule's keys stand under its name, as in `rule.canary.alpha`, or under its place where it has none: `rule[2].name`.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from operators.policy.policy import Policy, PolicyError, Releases
from operators.policy.reading import NAME, SPAN_MS_MAX, Duration, FallbackName, check_finite, convert
from operators.policy.rule_kinds import KINDS, Key
from operators.policy.rules import RESERVED, AnyRule


class ReleaseTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[release]`; see `policy.Releases`."""

    settle: Duration = Duration("5m")
    applied_share: Annotated[float, Meta(ge=0, lt=1)] = 0.01
    drain: Duration = Duration("1m")
    fallback: dict[str, FallbackName] = {}
    mirrored: tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...] = ()
    deadline: Duration = Duration("15m")
    cooldown: Duration = Duration("5m")
    warm_up: Duration = Duration("1m")
    known: Duration = Duration("7d")
    throttle_share: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    producer: str | None = None
    producer_share_max: Annotated[float, Meta(gt=0, lt=1)] | None = None

    def checked(self, pane_ms: int, dimensions: tuple[str, ...]) -> Releases:
        """Return it with times in ms, rounded up to whole panes. PolicyError where one cannot be."""
        times = {name: getattr(self, name) for name in ("settle", "drain", "deadline", "cooldown", "known", "warm_up")}
        for name, time in times.items():
            if time.ms == 0 and name not in ("settle", "drain", "cooldown", "warm_up"):
                raise PolicyError(f"release.{name}", time.text, "must be more than nothing")
            if time.ms > SPAN_MS_MAX:
                raise PolicyError(f"release.{name}", time.text, "must be at most 366d")
        if self.producer is not None and self.producer not in dimensions:
            raise PolicyError("release.producer", self.producer, f"must be one of slices.dimensions {list(dimensions)}")
        if (self.producer is None) != (self.producer_share_max is None):
            value = self.producer_share_max
            raise PolicyError("release.producer_share_max", value, "goes with release.producer: give both or neither")
        panes = {f"{name}_ms": -(-time.ms // pane_ms) * pane_ms for name, time in times.items()}
        return Releases(
            applied_share=self.applied_share,
            throttle_share=self.throttle_share,
            fallback=self.fallback,
            mirrored=self.mirrored,
            producer=self.producer,
            producer_share_max=self.producer_share_max,
            **panes,
        )


def rules_of(tables: list[dict[str, Any]], policy: Policy) -> tuple[AnyRule, ...]:
    """Return the rules of the `[[rule]]` tables; `policy` is the rest of it, checked."""
    rules: list[AnyRule] = []
    for index, raw in enumerate(tables):
        name = raw.get("name")
        good = isinstance(name, str) and re.fullmatch(NAME, name)
        if name in RESERVED:
            raise PolicyError(f"rule[{index}].name", name, "is one of rollguard's own: name the rule otherwise")
        if good and any(name == rule.name for rule in rules):
            raise PolicyError(f"rule[{index}].name", name, "is named twice")
        if not _waits(raw, policy):
            rules.append(_rule(Key(f"rule.{name}" if good else f"rule[{index}]", raw, policy)))
    return tuple(rules)


def _waits(raw: dict[str, Any], policy: Policy) -> bool:
    """Tell whether a rule listens to nothing but monitors that have no profile yet."""
    named = raw.get("monitors", [*(each.name for each in policy.monitors), *policy.waiting])
    return raw.get("kind") == "drift" and isinstance(named, list) and bool(named) and set(named) <= {*policy.waiting}


def _rule(key: Key) -> AnyRule:
    kind = key.raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise key.refuse("kind", f"must be one of {', '.join(KINDS)}")
    check_finite(key.prefix, key.raw)
    return convert(key.raw, KINDS[kind], key.prefix).rule(key)
