"""Which models need not be remembered: anybody who may send events can name as many models as they like."""

from collections.abc import Collection, Mapping

from operators.release.model import Model
from operators.window.shards import models_room

TIMES = 4  # Models remembered for each one that is counted by name, as models come and go.
REMEMBERED_MIN = 64


def surplus(models: Mapping[str, Model], models_max: int, shards: int, but: Collection[str]) -> list[str]:
    """Return the models of a shard to forget, those served longest ago first.

    A model that is pinned, overridden or declared, or that had a version withdrawn or promoted, is never forgotten.
    Others lose nothing but what they served, and how often their versions were compared (`rules/alpha.py`): their
    revisions go on from the time, like those of a new model.
    """
    most = max(REMEMBERED_MIN, TIMES * models_room(models_max, shards))
    if len(models) <= most:
        return []
    kept = {"", *but}  # The model without a name stands for all: it has the alerts about inputs.
    idle = [(_last(model), name) for name, model in models.items() if name not in kept and _forgettable(model)]
    return [name for _, name in sorted(idle)[: len(models) - most]]


def _last(model: Model) -> int:
    return max((served.last for served in model.served.values()), default=-1)


def _forgettable(model: Model) -> bool:
    declared = any(release.declared is not None or release.withdrawn for release in model.releases.values())
    steered = model.writer.pin is not None or model.promoted
    return not (declared or model.overridden or model.overflow or model.mirrors or steered)
