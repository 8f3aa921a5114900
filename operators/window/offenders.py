"""Values that break a contract, the first few of each pane, lateness, model, version, field and reason.

They are ordered by event time, then by request id and value, each once: the choice does not depend on merging order.
"""

from collections.abc import Iterable, Sequence

from operators.policy.monitors import Offender

OFFENDERS_MAX = 5

Group = tuple[int, int, str, str]  # Lateness, pane, model, version.


def first_of(groups: Iterable[Group], offenders: Sequence[tuple[int, Offender]]) -> list[tuple[int, Offender]]:
    """Return the first offenders of each group, in order of rows; `groups` has the group of each.

    An offender that two slices of a group have stays with either of their rows.
    """
    taken: dict[tuple[Group, int, str], int] = {}
    distinct = {(group, offender): row for group, (row, offender) in zip(groups, offenders, strict=True)}
    kept = []
    for group, offender in sorted(distinct, key=lambda each: (each[1].time, each[1].request_id, each[1].value)):
        place = group, offender.watched, offender.why
        taken[place] = taken.get(place, 0) + 1
        if taken[place] <= OFFENDERS_MAX:
            kept.append((distinct[group, offender], offender))
    return sorted(kept)
