"""How many rows and bytes a day takes in the store (`python -m tests.bench.stored` has the figures at full length)."""

from pathlib import Path

from tests.bench.loads import Load, policy_of
from tests.bench.stored import START_MS, stored

LOAD = Load(series=36, per_second=36, seconds=300, start_ms=START_MS)
DAY_M = 1_440
SERIES, BROAD, VERSIONS = 36, 4 + 2 * 12, 4  # Finest, `*` and dimensions, `*` alone.


def test_a_day_of_few_series_takes_few_rows_and_bytes(tmp_path: Path) -> None:
    """Once every pane and every window of every slice was a row."""
    tables = {each.table: each for each in stored(LOAD, tmp_path, policy_of(LOAD))}
    assert tables["measure_pane"].rows == SERIES * 5 * DAY_M
    assert tables["sli_pane"].rows == SERIES * 2 * DAY_M
    windows = VERSIONS * 6 * DAY_M + (BROAD - VERSIONS) * DAY_M  # Of five minutes,
    windows += BROAD * DAY_M + VERSIONS * DAY_M + (BROAD - VERSIONS) * DAY_M // 5  # of a minute, of an hour,
    windows += SERIES * (144 + 24)  # and of crosses.
    assert 0.9 * 5 * windows < tables["measure_window"].rows <= 5 * windows
    assert 0.9 * 2 * windows < tables["sli_window"].rows <= 2 * windows
    assert sum(each.rows for each in tables.values()) < 1_600_000
    counted = [each.bytes for name, each in tables.items() if name.endswith(("_pane", "_window"))]
    assert sum(counted) < 45_000_000, "with what parts of five minutes weigh beside their rows"
