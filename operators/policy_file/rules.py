"""Read `[[rule]]` and `[release]` of a policy: an error names the key, its value and what is allowed there.

A rule's keys are named by its name, as in `rule.canary.alpha`, or by its place where it has none: `rule[2].name`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from operators.policy.errors import PolicyError
from operators.policy.fields import read
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import NAME, check_fallback, check_finite
from operators.policy.releases import Releases
from operators.policy.rules import RESERVED, Rule
from operators.policy.sli import Sli
from operators.policy.slices import named_text
from operators.rules.registry import KINDS


def releases_of(raw: dict[str, Any], policy: Policy) -> Releases:
    """Return `[release]`; `policy` is checked but for its rules. PolicyError names what is impossible."""
    place = TablePlace("release", raw, policy)
    releases = read(Releases, raw, "release", place)
    for pattern, named in releases.fallback.items():
        check_fallback(f"release.fallback.{pattern}", named)
    if releases.producer is not None and releases.producer not in policy.dimensions:
        raise place.refuse("producer", f"must be one of slices.dimensions {list(policy.dimensions)}")
    if (releases.producer is None) != (releases.producer_share_max is None):
        raise place.refuse("producer_share_max", "goes with release.producer: give both or neither")
    return releases


def rules_of(tables: list[dict[str, Any]], policy: Policy) -> tuple[Rule, ...]:
    """Return the rules of the `[[rule]]` tables; `policy` is the rest of it, checked."""
    rules: list[Rule] = []
    for index, raw in enumerate(tables):
        name = raw.get("name")
        good = isinstance(name, str) and re.fullmatch(NAME, name)
        if name in RESERVED:
            raise PolicyError(f"rule[{index}].name", name, "is one of rollguard's own: name the rule otherwise")
        if good and any(name == rule.name for rule in rules):
            raise PolicyError(f"rule[{index}].name", name, "is named twice")
        rule = _rule(TablePlace(f"rule.{name}" if good else f"rule[{index}]", raw, policy))
        if rule is not None:
            rules.append(rule)
    return tuple(rules)


def _rule(place: TablePlace) -> Rule | None:
    """Return a rule, None if it can do nothing yet."""
    name = place.raw.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise place.refuse("kind", f"must be one of {', '.join(KINDS)}")
    kind = KINDS[name]
    if kind.waits(place):
        return None
    check_finite(place.prefix, place.raw)
    rule: Rule = read(kind.rule, place.raw, place.prefix, place)
    named = place.named(tuple(place.raw.get("slices", ())))
    grains = rule.grains if "slices" in place.raw else kind.usual_grains(rule, place)
    rule = msgspec.structs.replace(rule, named=named, grains=grains)
    kind.check(rule, place)
    _check_seen(rule, place)
    check_fallback(f"{place.prefix}.fallback", rule.fallback)
    if rule.scope == "model" and rule.action != "alert":
        allowed = f'must be "version" with action = "{rule.action}", which is done to a version'
        raise place.refuse("scope", allowed, rule.scope)
    return rule


def _check_seen(rule: Rule, place: TablePlace) -> None:
    """Refuse slices in which none of the rule's SLIs counts anything, and SLIs that count in none of its slices."""
    about = [sli for sli in place.policy.slis if sli.name in rule.sli_names]
    order = place.policy.dimensions.index
    values = [{order(name): value for name, value in each} for each in rule.named]
    seen = [{sli.name for sli in about if _counts(sli, each)} for each in values]
    for each, some in zip(rule.named, seen, strict=True):
        if about and not some and not getattr(rule, "measures", ()):
            raise place.refuse("slices", f"has no events that {_limited(about)}", named_text(each))
    limited = {tuple(order(name) for name, _ in each) for each in rule.named}
    for sli in about:
        if set(rule.grains) <= limited and all(sli.name not in some for some in seen):
            raise place.refuse("slices", f"have no events that {_limited([sli])}")


def _counts(sli: Sli, slice_values: Mapping[int, str]) -> bool:
    """Tell whether an SLI may count something in a slice, given as values by dimension."""
    return not sli.places or any(
        all(slice_values.get(dimension, value) == value for dimension, value in each) for each in sli.places
    )


def _limited(slis: Sequence[Sli]) -> str:
    return " or ".join(f"SLI {sli.name} counts, which is of {' and '.join(sli.slices)} alone" for sli in slis)
