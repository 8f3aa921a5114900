"""Hands commands and notices to the models of a shard; a model exists from its first request or command on."""

from collections.abc import Collection, Sequence

from operators.release.controller import new_model
from operators.release.model import Model
from operators.window.waiting_commands import Due
from operators.wire.commands import Silence, Unsilence
from operators.wire.control import Notice, Refusal
from operators.wire.events import ms_of

MODELS_MAX = 10_000  # Models of a shard; beyond them only those with traffic are remembered.
Addressed = dict[str, list[Due]]


def silenced(
    silences: Sequence[Silence],
    models: Collection[str],
    due: Sequence[Due],
    now: int,
) -> tuple[list[Silence], Addressed]:
    """Return the silences for all models that are in force after these commands, and by model the commands for it.

    A silence of all models is answered under the model name "", and so is the end of a silence where there is none.
    """
    silences, by_model = [each for each in silences if ms_of(each.until) > now], Addressed()
    for each in due:
        if isinstance(each, Silence | Unsilence) and not each.model:
            kept = [silence for silence in silences if silence.rule != each.rule]
            ends_nothing = isinstance(each, Unsilence) and len(kept) == len(silences)
            if (ends_nothing or isinstance(each, Silence)) and each.model is not None and "" not in models:
                by_model.setdefault("", []).append(each)
            silences = [*kept, each] if isinstance(each, Silence) else kept
            for name in models:
                by_model.setdefault(name, []).append(each)
        elif isinstance(each, Refusal | Notice) or each.model is not None:
            by_model.setdefault(each.model or "", []).append(each)
    return silences, by_model


def with_new(
    models: dict[str, Model], silences: Sequence[Silence], rows: Collection[str], by_model: Addressed, now: int
) -> tuple[dict[str, Model], Addressed]:
    """Return the models, with those that now begin, and the commands for each, without those for unknown models."""
    new = {*rows, *by_model} - models.keys()
    if len(models) >= MODELS_MAX:  # Commands may name models that never existed.
        new &= set(rows)
        by_model = {name: each for name, each in by_model.items() if name in new | models.keys()}
    for name in new:
        models[name] = new_model(name)
        for silence in silences:
            models[name].alerts.mute(silence, now)
    # The order does not depend on which partition was read first.
    return (dict(sorted(models.items())) if new else models), by_model
