"""Read `[sli.NAME]` of a policy: an error names the key, its value and what is allowed there."""

from collections.abc import Sequence
from typing import Any

import msgspec

from operators.ingest.slis.kind import SliKind
from operators.ingest.slis.registry import KINDS
from operators.policy.errors import PolicyError
from operators.policy.reading import convert
from operators.policy.sli import Sli
from operators.policy.slices import named_values


def sli_of(name: str, raw: Any) -> Sli:
    """Return the SLI of a table. PolicyError names the first thing that is wrong."""
    key = f"sli.{name}"
    if not isinstance(raw, dict):
        raise PolicyError(key, raw, "must be a table")
    for own in ("name", "places"):
        if own in raw:
            raise PolicyError(f"{key}.{own}", raw[own], "is not a key of the policy")
    good = raw.get("good")
    if good is None:
        raise PolicyError(f"{key}.good", None, "is required")
    if not isinstance(good, str) or good not in KINDS:
        raise PolicyError(f"{key}.good", good, f"must be one of {', '.join(KINDS)}")
    kind = KINDS[good]
    _check_keys(kind, raw, key)
    sli: Sli = convert(raw, kind.sli, key)
    kind.check(sli, key)
    if sli.on_feedback and sli.ignore:
        raise PolicyError(f"{key}.ignore", list(sli.ignore), "names error types, and feedback has none")
    return msgspec.structs.replace(sli, name=name)


def bound(slis: Sequence[Sli], dimensions: Sequence[str]) -> tuple[Sli, ...]:
    """Return the SLIs, each with the SLIs that it names and the places of its slices. PolicyError."""
    whole = [msgspec.structs.replace(sli, places=_places(sli, dimensions)) for sli in slis]
    known = {sli.name: (sli, KINDS[sli.good]) for sli in whole}
    return tuple(KINDS[sli.good].bind(sli, known, f"sli.{sli.name}") for sli in whole)


def _places(sli: Sli, dimensions: Sequence[str]) -> tuple[tuple[tuple[int, str], ...], ...]:
    """Return the slices of an SLI as dimension numbers with values, in the order of the numbers."""
    key, found = f"sli.{sli.name}.slices", []
    if sli.slices and sli.within_ms is not None:
        raise PolicyError(key, list(sli.slices), f'has no meaning with good = "{sli.good}": it counts all requests')
    for text in sli.slices:
        values = named_values(text)
        if values is None:
            raise PolicyError(key, text, 'must name values, such as "region=eu"')
        names = [name for name, _ in values]
        for name in names:
            if name not in dimensions or names.count(name) > 1:
                raise PolicyError(key, text, f"must name some of slices.dimensions {list(dimensions)}, each once")
        found.append(tuple(sorted((dimensions.index(name), value) for name, value in values)))
    return tuple(found)


def _check_keys(kind: SliKind[Any], raw: dict[str, Any], key: str) -> None:
    """Refuse a key that is missing, or that belongs to other kinds."""
    ours = {field.name: field for field in msgspec.structs.fields(kind.sli)}
    others = {field.name for other in KINDS.values() for field in msgspec.structs.fields(other.sli)}
    for part, value in raw.items():
        if part in others - ours.keys():
            raise PolicyError(f"{key}.{part}", value, f'has no meaning with good = "{kind.good}"')
    for part, field in ours.items():
        if field.required and part not in raw:
            raise PolicyError(f"{key}.{part}", None, f'is required with good = "{kind.good}"')
