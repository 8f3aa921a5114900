"""Read `[drift]` and `[[monitor]]` of a policy: an error names the key, its value and what is allowed there.

A monitor's keys are named by its name, as in `monitor.amount.window`, or by its place where it has none.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from operators.drift.registry import KINDS
from operators.policy.errors import PolicyError
from operators.policy.fields import fill, table_of
from operators.policy.monitor_place import Reading
from operators.policy.monitors import Monitor, Sampling
from operators.policy.place import TablePlace
from operators.policy.policy import Policy
from operators.policy.reading import NAME, check_finite, convert
from operators.profiles.local_time import UTC, known_zone
from operators.profiles.profile import Profile, from_json
from operators.wire.events import Id

MONITORS_MAX = 1_000
Rate = Annotated[float, Meta(gt=0, le=1)]


class DriftTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`[drift]`: the profile of monitors that name none, the share of requests that are read, and the time zone.

    `profile` = "" says that there is none yet: monitors that need it wait, and so do rules that listen only to these.
    """

    profile: str | None = None
    sample: Rate = 1.0
    samples: dict[Id, Rate] = {}
    timezone: str = UTC

    @property
    def sampling(self) -> Sampling:
        return Sampling(share=self.sample, by_model=self.samples)


class Profiles:
    """The profiles that a policy names, each read once."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = contents
        self._read: dict[str, Profile] = {}

    def of(self, key: str, path: str) -> Profile:
        """Return the profile at a path, written as in the policy's `key`. PolicyError if there is none."""
        if path not in self._read:
            if path not in self._contents:
                raise PolicyError(key, path, "is no file beside the policy, nor in the working directory")
            try:
                self._read[path] = from_json(self._contents[path])
            except ValueError as error:
                raise PolicyError(key, path, str(error)) from error
        return self._read[path]

    def by_name(self) -> dict[str, Profile]:
        """Return all profiles that were read, by the name of their content."""
        return {profile.name: profile for profile in self._read.values()}


def paths_of(raw: Mapping[str, Any]) -> list[str]:
    """Return the paths of the profiles that a policy, given as TOML values, names; each once, skipping wrong values."""
    tables = raw.get("monitor")
    places = [raw.get("drift"), *(tables if isinstance(tables, list) else [])]
    named = [place.get("profile") for place in places if isinstance(place, dict)]
    return list(dict.fromkeys(path for path in named if isinstance(path, str) and path))


def monitors_of(
    tables: Sequence[dict[str, Any]], drift: DriftTable, policy: Policy, profiles: Profiles
) -> tuple[tuple[Monitor, ...], tuple[str, ...]]:
    """Return the monitors of the `[[monitor]]` tables, and the names of those that wait for a profile.

    `policy` is checked but for its rules.
    """
    try:
        known_zone(drift.timezone)
    except ValueError as error:
        raise PolicyError("drift.timezone", drift.timezone, str(error)) from error
    if len(tables) > MONITORS_MAX:
        raise PolicyError("monitor", len(tables), f"must be at most {MONITORS_MAX} tables; one may watch many fields")
    monitors: list[Monitor] = []
    waiting: list[str] = []
    for index, raw in enumerate(tables):
        name = raw.get("name")
        good = isinstance(name, str) and re.fullmatch(NAME, name)
        if good and name in [*(monitor.name for monitor in monitors), *waiting]:
            raise PolicyError(f"monitor[{index}].name", name, "is named twice")
        key = TablePlace(f"monitor.{name}" if good else f"monitor[{index}]", raw, policy)
        monitor = _monitor(key, drift, profiles)
        if monitor is None:
            waiting.append(str(name))
        else:
            monitors.append(monitor)
    if drift.profile:
        profiles.of("drift.profile", drift.profile)
    return tuple(monitors), tuple(waiting)


def _monitor(key: TablePlace, drift: DriftTable, profiles: Profiles) -> Monitor | None:
    """Return a monitor, None if it waits for a profile."""
    name = key.raw.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise key.refuse("kind", f"must be one of {', '.join(KINDS)}")
    check_finite(key.prefix, key.raw)
    kind = KINDS[name]
    keys: type[Monitor] = kind.monitor
    table: Any = convert(key.raw, table_of(keys), key.prefix)
    needs = kind.needs(table)
    path, at = getattr(table, "profile", None), f"{key.prefix}.profile"
    if path is None and needs:
        path, at = drift.profile, "drift.profile"
    if path == "":
        return None
    reading = Reading(key, None if path is None else profiles.of(at, path), path)
    if needs:
        reading.profile_of(needs)
    monitor = fill(keys, table, reading)
    kind.check(monitor, reading)
    return monitor
