"""Versions that a release command declares to answer copies of requests: their events are counted as those of copies.

It is as if each of their events said so, from the pane with which the command takes effect until they are released
in another way. Rows of counts are stored under the name that the events have.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from operators.release.machine import end
from operators.release.model import Model
from operators.window.leaf_index import models_of
from operators.window.partial import Partial
from operators.window.waiting_commands import Due
from operators.wire.commands import Release
from operators.wire.control import VERSIONS_MAX
from operators.wire.mirrored import mirrored


def note_copies(model: Model, declared: Release) -> Release:
    """Note what a release says about copies; return it with the name that its candidate is counted under."""
    model.mirrors = with_release(model.mirrors, declared)
    known = model.releases.get(declared.candidate)
    if declared.mirrored and not (known is not None and known.withdrawn):
        # Events before the declaration made the candidate look like a version that serves.
        if known is not None:
            end(model, declared.candidate)
        model.served.pop(declared.candidate, None)
    return msgspec.structs.replace(declared, candidate=mirrored(declared.candidate)) if declared.mirrored else declared


def with_release(mirrors: tuple[str, ...], declared: Release) -> tuple[str, ...]:
    """Return the versions that answer copies after a release, the newest VERSIONS_MAX of them."""
    others = tuple(name for name in mirrors if name != declared.candidate)
    return (*others, declared.candidate)[-VERSIONS_MAX:] if declared.mirrored else others


def as_copies(part: Partial | None, models: Mapping[str, Model], due: Sequence[Due]) -> Partial | None:
    """Return the pane with the events of the declared versions under the names of their copies."""
    if part is None:
        return None
    here = _mirrors(models_of(part.series), models, due)
    if not here:
        return part
    series = [
        each._replace(version=mirrored(each.version)) if each.version in here.get(each.model, ()) else each
        for each in part.series
    ]
    return msgspec.structs.replace(part, series=series)


def _mirrors(names: Iterable[str], models: Mapping[str, Model], due: Sequence[Due]) -> dict[str, tuple[str, ...]]:
    """Return, by model, the versions that answer copies, including those declared with this very pane."""
    here = {name: models[name].mirrors for name in names if name in models and models[name].mirrors}
    for each in due:
        if isinstance(each, Release):
            here[each.model] = with_release(here.get(each.model, ()), each)
    return {name: mirrors for name, mirrors in here.items() if mirrors}
