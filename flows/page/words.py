"""Numbers and times as people read them; every time is UTC."""

import math
from datetime import UTC, datetime

from operators.spans import DAY_MS

NONE = "-"


def clock(ms: int | None) -> str:
    """Return the time of day.

    >>> clock(1_760_000_000_000), clock(None)
    ('08:53:20', '-')
    """
    return NONE if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")


def stamp(ms: int | None) -> str:
    """Return day and time of day.

    >>> stamp(1_760_000_000_000)
    '2025-10-09 08:53:20'
    """
    return NONE if ms is None else datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def brief(ms: int, step_s: int) -> str:
    """Return a time as a column with steps of `step_s` needs it.

    >>> brief(1_760_000_000_000, 3_600), brief(1_760_000_000_000, 86_400)
    ('08:53', '10-09')
    """
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d" if step_s >= DAY_MS // 1000 else "%H:%M")


def iso(ms: int) -> str:
    """Return a time as a link and a machine read it.

    >>> iso(1_760_000_000_000)
    '2025-10-09T08:53:20Z'
    """
    text = datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ms % 1000:03d}Z" if ms % 1000 else f"{text}Z"


def span(ms: int | None) -> str:
    """Return how long something took.

    >>> span(620_000), span(45_000), span(7_380_000), span(3 * 86_400_000)
    ('10:20', '0:45', '2:03:00', '3 d')
    """
    if ms is None:
        return NONE
    seconds = abs(ms) // 1000
    sign = "-" if ms < 0 else ""
    if seconds >= 2 * 86_400:
        return f"{sign}{seconds // 86_400} d"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02d}:{rest:02d}" if hours else f"{sign}{minutes}:{rest:02d}"


def count(n: float | None) -> str:
    """Return a count.

    >>> count(12), count(12_345), count(1_234_567), count(None)
    ('12', '12,345', '1.23 M', '-')
    """
    if n is None:
        return NONE
    if abs(n) >= 1e15:
        return f"{n:.1e}"
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(n) >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:,.0f}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of one as percent.

    >>> percent(0.1234), percent(None)
    ('12.3 %', '-')
    """
    return NONE if share is None else f"{100 * share:.{digits}f} %"


def points(difference: float | None) -> str:
    """Return a difference of shares in points of percent, with its sign.

    >>> points(0.034), points(-0.001), points(None)
    ('+3.4', '-0.1', '-')
    """
    return NONE if difference is None else f"{100 * difference:+.1f}"


def odds(log_e: float | None) -> str:
    """Return an E-value, given as ln E, as odds against "the candidate is no worse".

    >>> odds(8.163), odds(0.0), odds(800.0)
    ('3,509 : 1', '1 : 1', 'more than 10^99 : 1')
    """
    if log_e is None:
        return NONE
    if log_e > 99 * math.log(10):
        return "more than 10^99 : 1"
    value = math.exp(log_e)
    return f"{value:.2g} : 1" if value < 0.995 else f"{count(round(value, 1) if value < 10 else round(value))} : 1"


def number(value: float | None) -> str:
    """Return a number of unknown size.

    >>> number(0.00456), number(123456.0), number(None)
    ('0.00456', '123,456', '-')
    """
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def named(text: str) -> str:
    """Return a slice as a sentence names it.

    >>> named("*"), named("region=eu")
    ('all traffic', 'region=eu')
    """
    return "all traffic" if text == "*" else text
