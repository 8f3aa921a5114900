"""A model that came from another policy file, or from none, is missed by absence rules if nothing more comes in."""

from operators.release.model import Model
from operators.rules.absence import AbsenceEvaluator
from operators.rules.pane_counts import Roster
from operators.window.series_index import ALL_VERSIONS
from operators.wire.mirrored import is_mirrored


def expect(model: Model, rule: AbsenceEvaluator, roster: Roster, pane: int) -> None:
    """Let a rule expect the traffic, over all slices, of a model and of each version that served last.

    Traffic is expected from `pane` on, as it may have been counted nowhere before. Slices are expected from their first
    event.
    """
    last = {version: each.last for version, each in model.served.items() if not is_mirrored(version)}
    if not last:
        return  # Only a command named the model, or it only ever answered copies of requests.
    newest = max(last.values())
    for version, served in {ALL_VERSIONS: newest, **last}.items():
        if served > newest - rule.panes:
            slot = roster.add(model.writer.model, version)
            if slot is not None:
                rule.expect(slot, pane - 1, roster.names)
