"""The releases of a model as rows of table `release`: one row where anything about it has changed with a pane."""

from collections.abc import Iterator, Mapping

import msgspec

from operators.policy.policy import Policy
from operators.release.model import Model
from operators.store.rows import Rows
from operators.wire.commands import TARGETS, Details, Release
from operators.wire.events import ms_of

FORGOTTEN = "forgotten"  # The phase of a release that is no longer remembered.


class ShownRelease(msgspec.Struct, frozen=True, kw_only=True):
    """What people are shown about a release; `since` is the pane it began with.

    `holds` says, by rule, how the promotion is held.
    """

    baseline: str
    since: int
    phase: str
    declared: int | None
    by: str
    traffic_share: float | None
    metadata: str
    holds: Mapping[str, str]
    throttled: bool


ShownReleases = Mapping[str, ShownRelease]  # By candidate.


def shown_releases(model: Model) -> ShownReleases:
    """Return what is shown of each release of a model."""
    return {
        candidate: ShownRelease(
            baseline=release.baseline,
            since=release.since,
            phase=release.phase,
            declared=None if release.declared is None else ms_of(release.declared.ts),
            by="" if release.declared is None else release.declared.by,
            traffic_share=None if release.declared is None else release.declared.traffic_share,
            metadata=_json(release.declared),
            holds=dict(sorted(release.holds.items())),
            throttled=release.is_actionable and release.actionable.throttled,
        )
        for candidate, release in sorted(model.releases.items())
    }


def _json(release: Release | None) -> str:
    """Return what the command says about both versions, with their targets, as JSON."""
    if release is None:
        return ""
    words: Details = {
        arm: release.metadata.get(arm, {}) | ({TARGETS: dict(release.targets[arm])} if arm in release.targets else {})
        for arm in sorted({*release.metadata, *release.targets})
    }
    return msgspec.json.encode(words, order="sorted").decode()


def release_rows(
    before: Mapping[str, ShownReleases], after: Mapping[str, ShownReleases], pane: int, policy: Policy
) -> Rows:
    """Return a row, by model, for each release whose state has changed; one that is gone is `FORGOTTEN`."""
    changed = [
        (model, candidate, shown)
        for model in sorted({*before, *after})
        for candidate, shown in _changed(before.get(model, {}), after.get(model, {}))
    ]
    return Rows(
        table="release",
        columns={
            "model": [model for model, _, _ in changed],
            "version": [candidate for _, candidate, _ in changed],
            "baseline": [each.baseline for _, _, each in changed],
            "at": [(pane + 1) * policy.pane_ms for _ in changed],
            "phase": [each.phase for _, _, each in changed],
            "began": [each.since * policy.pane_ms for _, _, each in changed],
            "declared": [each.declared for _, _, each in changed],
            "by": [each.by for _, _, each in changed],
            "traffic_share": [each.traffic_share for _, _, each in changed],
            "metadata": [each.metadata for _, _, each in changed],
            "holds": [each.holds for _, _, each in changed],
            "throttled": [int(each.throttled) for _, _, each in changed],
            "policy": [policy.hash for _ in changed],
            "ver": [1 for _ in changed],
        },
    )


def _changed(before: ShownReleases, after: ShownReleases) -> Iterator[tuple[str, ShownRelease]]:
    for candidate in sorted({*before, *after}):
        if candidate not in after:
            yield candidate, msgspec.structs.replace(before[candidate], phase=FORGOTTEN, holds={})
        elif before.get(candidate) != after[candidate]:
            yield candidate, after[candidate]
