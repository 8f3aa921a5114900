"""Which partitions are behind and not waited for: those behind while another partition of events is near the clock.

If all are behind, all are waited for: nothing is lost, decisions only come later, and people are not called. Putting
a past into a topic again would call them each time; `rollguard_behind_seconds` shows the delay all the same.
"""

from collections.abc import Mapping, Sequence

import msgspec

from operators.release.model import Model
from operators.wire.control import Notice

WAITED_FOR = "all partitions of events are behind now, so it is waited for"


def left_behind(model: Model, notices: Sequence[Notice]) -> list[Notice]:
    """Take the news of partitions; return what to report: those no longer waited for, and those waited for again."""
    before = _left(model.behind)
    model.behind = model.behind | {notice.source: notice for notice in notices}  # The last notice of each counts.
    after = _left(model.behind)
    over = [_over(model.behind[source]) for source in before if source not in after]
    return over + [notice for source, notice in after.items() if notice != before.get(source)]


def _left(behind: Mapping[str, Notice]) -> dict[str, Notice]:
    if not any(notice.leads for notice in behind.values()):
        return {}
    return {source: notice for source, notice in sorted(behind.items()) if notice.severity is not None}


def _over(notice: Notice) -> Notice:
    return notice if notice.severity is None else msgspec.structs.replace(notice, severity=None, what=WAITED_FOR)
