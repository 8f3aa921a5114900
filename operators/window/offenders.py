"""Values against a contract, the first few of each pane, lateness, model, version, field and reason.

First by event time, then by request id and value: which are kept does not depend on the order of merging.
"""

from collections.abc import Iterable, Sequence

from operators.monitors import Offender

OFFENDERS_MAX = 5

Group = tuple[int, int, str, str]  # Lateness, pane, model, version.


def first_of(groups: Iterable[Group], offenders: Sequence[tuple[int, Offender]]) -> list[tuple[int, Offender]]:
    """Return the first offenders of each group, `groups` being that of each, with their rows and in order of rows."""
    taken: dict[tuple[Group, int, str], int] = {}
    kept = []
    for group, row, offender in sorted(
        ((group, row, offender) for group, (row, offender) in zip(groups, offenders, strict=True)),
        key=lambda each: (each[2].time, each[2].request_id, each[2].value, each[1]),
    ):
        place = group, offender.watched, offender.why
        taken[place] = taken.get(place, 0) + 1
        if taken[place] <= OFFENDERS_MAX:
            kept.append((row, offender))
    return sorted(kept)
