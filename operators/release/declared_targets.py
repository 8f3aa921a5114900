"""Targets that release commands name for versions; they hold until another command names others for a version."""

from collections.abc import Iterable, Mapping

from operators.release.model import Model
from operators.rules.targets import Declared
from operators.wire.commands import Release
from operators.wire.control import VERSIONS_MAX


def note_targets(model: Model, declared: Release) -> None:
    """Take the targets that a release names for its two versions; where it names none, a version's targets stay."""
    for version, arm in ((declared.baseline, "baseline"), (declared.candidate, "candidate")):
        if arm in declared.targets:
            model.targets.pop(version, None)
            model.targets[version] = declared.targets[arm]
    for version in list(model.targets)[:-VERSIONS_MAX]:
        del model.targets[version]


def declared_targets(models: Mapping[str, Model]) -> Declared:
    """Return, by model and version, the target of each SLI."""
    found: Iterable[tuple[str, Model]] = models.items()
    return {(name, version): slis for name, model in found for version, slis in model.targets.items()}
