"""Charts of a model over time, by version."""

from collections.abc import Mapping, Sequence

from flows.page.chart import Chart, Line, Mark
from flows.page.store import Row, Store, moment

POINTS = 120
# Seconds between points: windows of slices are stored every minute, ten minutes or hour, which steps must meet.
STEPS_S = (10, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600)
SLIS_MAX = 8
MEASURES = ("latency_ms", "cost_usd")


def step_s(start: int, end: int) -> int:
    """Return the seconds between two points, so that a line has some 60 to 130.

    >>> step_s(0, 3_600_000), step_s(0, 600_000), step_s(0, 86_400_000)
    (60, 10, 900)
    """
    least = (end - start) / 1000 / POINTS * 0.9
    return next((step for step in STEPS_S if step >= least), STEPS_S[-1])


def kinds_of(candidate: str, baseline: str, versions: Sequence[str]) -> dict[str, str]:
    """Return the class of each version's line."""
    known = {candidate: "candidate", baseline: "baseline"}
    return {version: known.get(version, "grey") for version in versions}


def ratios(rows: Sequence[Row], sli: str, kinds: Mapping[str, str], **chart: object) -> Chart:
    """Return the success ratio of an SLI by version; `chart` has start, end, marks, and the slice."""
    where = str(chart.pop("where"))
    versions = dict.fromkeys(row["version"] for row in rows if row["sli"] == sli)
    lines = []
    for version in sorted(versions, key=lambda each: kinds.get(each) == "candidate"):
        mine = [row for row in rows if (row["sli"], row["version"]) == (sli, version)]
        lines.append(
            Line(
                name=version,
                kind=kinds.get(version, "grey"),
                points=[(row["at"], 100 * row["ratio"]) for row in mine],
                band=[(row["at"], 100 * row["lower"], 100 * row["upper"]) for row in mine],
            )
        )
    return Chart(
        name=f"sli-{sli}",
        title=sli,
        note=f"{where} · sliding window, with its interval · fewer than 20 events are not drawn",
        label=f"{sli}, percent good, by version over time, {where}.",
        lines=lines,
        unit="%",
        high=100.0,
        **chart,  # type: ignore[arg-type]
    )


def traffic(rows: Sequence[Row], kinds: Mapping[str, str], **chart: object) -> Chart:
    """Return requests a second by version."""
    where = str(chart.pop("where"))
    versions = dict.fromkeys(row["version"] for row in rows)
    lines = [
        Line(
            name=version,
            kind=kinds.get(version, "grey"),
            points=[(row["at"], row["per_second"]) for row in rows if row["version"] == version],
            is_step=True,
        )
        for version in versions
    ]
    return Chart(
        name="traffic",
        title="Requests per second",
        note=f"{where} · by version",
        label=f"Requests per second by version over time, {where}.",
        lines=lines,
        low=0.0,
        **chart,  # type: ignore[arg-type]
    )


def measure(rows: Sequence[Row], name: str, unit: str, kinds: Mapping[str, str], **chart: object) -> Chart:
    """Return p50 and p95 of a measure by version."""
    where = str(chart.pop("where"))
    mine = [row for row in rows if row["measure"] == name]
    lines = [
        Line(
            name=f"{version} {quantile}",
            kind=kinds.get(version, "grey") + (" faint" if quantile == "p50" else ""),
            points=[(row["at"], row[quantile]) for row in mine if row["version"] == version],
        )
        for version in dict.fromkeys(row["version"] for row in mine)
        for quantile in ("p50", "p95")
    ]
    return Chart(
        name=f"measure-{name}",
        title=name,
        note=f"{where} · p50 thin, p95 strong · {unit}",
        label=f"{name}, p50 and p95 by version over time, {where}.",
        lines=lines,
        low=0.0,
        unit=unit,
        **chart,  # type: ignore[arg-type]
    )


def cost(rows: Sequence[Row], kinds: Mapping[str, str], **chart: object) -> Chart:
    """Return the cost of a thousand requests by version, over requests that carry a cost."""
    where = str(chart.pop("where"))
    mine = [row for row in rows if row["measure"] == "cost_usd"]
    return Chart(
        name="cost",
        title="Cost of 1,000 requests",
        note=f"{where} · USD, sliding window · requests that tell no cost are left out",
        label=f"Cost of 1,000 requests in USD by version over time, {where}.",
        lines=[
            Line(
                name=version,
                kind=kinds.get(version, "grey"),
                points=[(row["at"], 1_000 * row["mean"]) for row in mine if row["version"] == version],
            )
            for version in dict.fromkeys(row["version"] for row in mine)
        ],
        low=0.0,
        unit="USD",
        **chart,  # type: ignore[arg-type]
    )


def asked_lines(
    store: Store, model: str, text: str, start: int, end: int, slis: Sequence[str] = (), since: int = 0
) -> dict[str, list[Row]]:
    """Return the rows of every chart of a model and slice, for `slis` in their order; empty: for all SLIs.

    Failures of requests are counted from `since` [Unix ms].
    """
    span = {"from": moment(start), "to": moment(end)}
    step = step_s(start, end)
    ask = {"model": model, "slice": text, "step_s": step, **span}
    order = {sli: place for place, sli in enumerate(slis)}
    ratios = store.ask("sli_lines", slis=list(slis), **ask)
    return {
        "slis": sorted(ratios, key=lambda row: order.get(row["sli"], 0)),
        "measures": store.ask("measure_lines", measures=list(MEASURES), **ask),
        "traffic": store.ask("traffic_lines", **ask, since=moment(since)),
    }


def charts(
    rows: Mapping[str, list[Row]], kinds: Mapping[str, str], marks: Sequence[Mark], **chart: object
) -> list[Chart]:
    """Return the charts that have something to draw."""
    also: dict[str, object] = {**chart, "marks": marks}
    slis = list(dict.fromkeys(row["sli"] for row in rows["slis"]))[:SLIS_MAX]
    made = [
        *(ratios(rows["slis"], sli, kinds, **also) for sli in slis),
        traffic(rows["traffic"], kinds, **also),
        measure(rows["measures"], "latency_ms", "ms", kinds, **also),
        cost(rows["measures"], kinds, **also),
    ]
    return [each for each in made if not each.empty]
