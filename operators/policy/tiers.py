"""The tiers of a burn-rate rule: how fast the error budget may be spent, from its shares, over which windows.

A tier that spends `share` of the budget within `long` burns factor = share * period / long times what is sustainable,
which is a ratio of bad events of factor * (1 - target). A ratio beyond 1 is impossible, so the tier would never fire;
such a policy is refused.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from operators.policy.errors import PolicyError
from operators.policy.reading import Duration, span
from operators.wire.control import Severity


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """Fires when `factor` times the sustainable rate is burnt over both windows, with this `severity`."""

    factor: float
    long_ms: int
    short_ms: int
    severity: Severity


class TierTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """`{ share = 0.02, long = "1h", short = "5m", severity = "page" }`."""

    share: Annotated[float, Meta(gt=0, le=1)]
    long: Duration
    short: Duration
    severity: Severity


# B. Beyer and others, "The Site Reliability Workbook" (2018), chapter 5: factors 14.4, 6, 3 and 1 over 30 days.
DEFAULT = (
    TierTable(share=0.02, long=Duration("1h"), short=Duration("5m"), severity="page"),
    TierTable(share=0.05, long=Duration("6h"), short=Duration("30m"), severity="page"),
    TierTable(share=0.10, long=Duration("1d"), short=Duration("2h"), severity="ticket"),
    TierTable(share=0.10, long=Duration("3d"), short=Duration("6h"), severity="ticket"),
)
EXAMPLE = '{{ share = {share:g}, long = "{long}", short = "{short}", severity = "{severity}" }}'


def tiers_of(tables: list[TierTable] | None, key: str, target: float, period_ms: int, pane_ms: int) -> tuple[Tier, ...]:
    """Return the tiers at `key`, or the default ones. PolicyError says which is impossible, and what would do."""
    tiers = []
    for index, table in enumerate(DEFAULT if tables is None else tables):
        # A wrong default tier is mended by listing tiers, so name that key.
        at, hint = (key, "; the default tiers do not fit: list tiers") if tables is None else (f"{key}[{index}]", "")
        _check_windows(table, at, period_ms, pane_ms, hint)
        factor = table.share * period_ms / table.long.ms
        if factor * (1.0 - target) >= 1.0 - 1e-9:
            raise PolicyError(*_unreachable(table, at, target, factor, hint))
        tiers.append(Tier(factor=factor, long_ms=table.long.ms, short_ms=table.short.ms, severity=table.severity))
    return tuple(tiers)


def _check_windows(table: TierTable, at: str, period_ms: int, pane_ms: int, hint: str) -> None:
    for name, time in (("long", table.long), ("short", table.short)):
        if time.ms % pane_ms or not time.ms:
            raise PolicyError(f"{at}.{name}", time.text, f"must be a multiple of time.pane ({span(pane_ms)}){hint}")
    if table.short.ms >= table.long.ms:
        raise PolicyError(f"{at}.short", table.short.text, f"must be shorter than long ({table.long.text}){hint}")
    if table.long.ms > period_ms:
        raise PolicyError(f"{at}.long", table.long.text, f"must be at most the period ({span(period_ms)}){hint}")


def _unreachable(table: TierTable, at: str, target: float, factor: float, hint: str) -> tuple[str, float, str]:
    """Return key, value and what is allowed, with values that would do."""
    reachable = 1.0 / (1.0 - target)
    # Half of what is reachable needs half of all requests to fail.
    half = float(f"{table.share * reachable / factor / 2:.2g}")
    example = EXAMPLE.format(share=half, long=table.long.text, short=table.short.text, severity=table.severity)
    allowed = (
        f"can never fire: {factor:.4g} times the budget of target {target:g} is {factor * (1.0 - target):.0%} bad. "
        f"The factor must be below {reachable:.4g} (share below {table.share * reachable / factor:.3g} in "
        f"{table.long.text}), or the target above {1.0 - 1.0 / factor:.4g}{hint}, such as tiers = [{example}]"
    )
    return f"{at}.share", table.share, allowed
