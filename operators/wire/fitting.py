"""Control events cut to a size that brokers, hooks and readers take, however long rollguard's input was.

The result depends on the event alone: a topic, a file and a replay get the same bytes. What is left out is counted.
"""

import msgspec

from operators.texts import cut
from operators.wire.commands import ARMS, TARGETS, Details, Release
from operators.wire.control import EVENT_BYTES_MAX, VERSIONS_MAX, ControlEvent
from operators.wire.events import Scalar

SEALED_BYTES = 1_024  # Left for the key's id and the signature.
REASON_MAX = 2_000  # Characters.
RUNBOOK_MAX = 500  # Characters.
SENTENCE_MAX = 900  # Characters.
VALUE_MAX = 200  # Characters of a value of release metadata.
DIFF_BYTES_MAX = 64 << 10

Diff = dict[str, tuple[Scalar | None, Scalar | None]]


def fitted(event: ControlEvent) -> ControlEvent:
    """Return the event with its texts cut, and with as many of its first slices as there is room for.

    `slices_more` and `diff_more` say how many were left out.
    """
    diff = _diff(event)
    event = msgspec.structs.replace(
        event,
        barred=event.barred[-VERSIONS_MAX:],
        reason=cut(event.reason, REASON_MAX),
        runbook=cut(event.runbook, RUNBOOK_MAX),
        evidence=msgspec.structs.replace(event.evidence, reason=_cut(event.evidence.reason)),
        sentence=cut(event.sentence, SENTENCE_MAX),
        diff=diff,
        diff_more=event.diff_more + len(event.diff) - len(diff),
    )
    room = EVENT_BYTES_MAX - SEALED_BYTES - _size(msgspec.structs.replace(event, slices=()))
    kept = 0
    for each in event.slices:
        room -= _size(each) + 1
        if room < 0:
            break
        kept += 1
    if kept == len(event.slices):
        return event
    more = event.slices_more + len(event.slices) - kept
    return msgspec.structs.replace(event, slices=event.slices[:kept], slices_more=more)


def slim(release: Release) -> Release:
    """Return a release as it is kept: with only the metadata that differs between its two versions, long values cut.

    The targets of both versions move out of the metadata, and are all kept.
    """
    targets = {arm: dict(each) for arm in ARMS if isinstance(each := release.metadata.get(arm, {}).get(TARGETS), dict)}
    release = msgspec.structs.replace(release, targets=targets)
    old, new = (details_of(release, arm) for arm in ("baseline", "candidate"))
    differ = sorted(name for name in old.keys() | new.keys() if _cut(old.get(name)) != _cut(new.get(name)))
    arms = {"baseline": old, "candidate": new}
    slimmer: Details = {
        arm: {name: _cut(values[name]) for name in differ if name in values} for arm, values in arms.items()
    }
    return msgspec.structs.replace(release, metadata=slimmer if release.metadata else {})


def details_of(release: Release, arm: str) -> dict[str, Scalar | None]:
    """Return the metadata of a version without its targets."""
    return {name: value for name, value in release.metadata.get(arm, {}).items() if not isinstance(value, dict)}


def _diff(event: ControlEvent) -> Diff:
    """Return the differences of metadata that there is room for, in their order."""
    kept: Diff = {}
    room = DIFF_BYTES_MAX
    for name, (old, new) in event.diff.items():
        room -= _size({name: (pair := (_cut(old), _cut(new)))})
        if room < 0:
            break
        kept[name] = pair
    return kept


def _cut(value: Scalar | None) -> Scalar | None:
    return cut(value, VALUE_MAX) if isinstance(value, str) else value


def _size(value: object) -> int:
    return len(msgspec.json.encode(value))
