"""A model that comes from another policy file, or from none, is missed by absence rules if nothing more comes of it."""

from operators.release.model import Model
from operators.rules.absence import AbsenceEvaluator
from operators.rules.pane_counts import Roster
from operators.window.series_index import ALL_VERSIONS
from operators.wire.mirrored import is_mirrored


def expect(model: Model, rule: AbsenceEvaluator, roster: Roster) -> None:
    """Let a rule expect all traffic of what served at last: of the model, or of each version that did with it.

    Slices are expected from their first event on.
    """
    last = {version: served.last for version, served in model.served.items() if not is_mirrored(version)}
    newest = max(last.values(), default=0)
    for version, pane in {ALL_VERSIONS: newest, **last}.items():
        if pane > newest - rule.panes:
            slot = roster.add(model.writer.model, version)
            if slot is not None:
                rule.expect(slot, pane, roster.names)
