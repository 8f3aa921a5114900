"""How confident the versions of a model are, how often they are right, and how many requests have a label so far."""

from collections.abc import Sequence

from flows.page.asked import Asked
from flows.page.chart import Chart, Line
from flows.page.store import Row, Store
from flows.page.views import lines
from flows.page.views.model import SINCE_MS, base_of
from flows.page.words import count, percent

WHOLE = 1_000  # The axis of a score goes from 0 to this.
LABELLED_MIN = 20  # Labels of a step; with fewer it is not drawn.
IDEAL = Line(name="as sure as right", kind="ideal", points=[(0, 0.0), (WHOLE, 100.0)])


def scores(store: Store, asked: Asked) -> Row:
    """Return what the page of scores shows."""
    base = base_of(store, asked, SINCE_MS)
    bins = store.ask("scores", model=asked.model, **base["range"])
    step = max(60, lines.step_s(base["start"], base["end"]) // 60 * 60)
    known = store.ask("labels_known", model=asked.model, step_s=step, **base["range"])
    kinds = _kinds(store, asked, base, [row["version"] for row in [*bins, *known]])
    made = [reliability(bins, kinds), given(bins, kinds), *labelled(known, kinds, base["start"], base["end"])]
    return base | {"rows": bins, "errors": _errors(bins), "charts": [each for each in made if not each.empty]}


def reliability(bins: Sequence[Row], kinds: dict[str, str]) -> Chart:
    """Return how often each version was right at each score, with the interval and the number of labels."""
    drawn = [
        Line(
            name=version,
            kind=kinds[version],
            points=[(round(WHOLE * row["mean_score"]), 100 * row["share"]) for row in rows],
            band=[(round(WHOLE * row["mean_score"]), 100 * row["lower"], 100 * row["upper"]) for row in rows],
            dots=[
                (f"{version}: {count(row['right'])} of {count(row['n'])} right", 2 + 6 * row["part"]) for row in rows
            ],
        )
        for version, rows in _by_version(bins).items()
    ]
    return Chart(
        name="reliability",
        title="Right, by score",
        note="share that is right at a score, with its 95 % interval; a larger dot has more labels · below the dotted"
        " line a version is too sure",
        label="Share of right answers by score and version. " + " ".join(_errors(bins)),
        start=0,
        end=WHOLE,
        lines=[IDEAL, *drawn] if drawn else [],
        across="score",
        unit="%",
        low=0.0,
        high=100.0,
    )


def given(bins: Sequence[Row], kinds: dict[str, str]) -> Chart:
    """Return how many of each version's labelled answers had each score."""
    return Chart(
        name="scores",
        title="Scores given",
        note="share of labelled answers by score, in ten bins",
        label="Share of labelled answers by score and version.",
        start=0,
        end=WHOLE,
        lines=[
            Line(
                name=version,
                kind=kinds[version],
                points=[
                    (round(WHOLE * edge), 100 * row["part"]) for row in rows for edge in (row["bin"], row["bin"] + 0.1)
                ],
                is_step=True,
            )
            for version, rows in _by_version(bins).items()
        ],
        across="score",
        unit="%",
        low=0.0,
    )


def labelled(known: Sequence[Row], kinds: dict[str, str], start: int, end: int) -> list[Chart]:
    """Return the shares of requests with a label so far, and of right ones among these, by the time of the requests."""

    def chart(name: str, title: str, note: str, value: str, low: float | None) -> Chart:
        return Chart(
            name=name,
            title=title,
            note=note,
            label=f"{title}, percent, by version and time of the request.",
            start=start,
            end=end,
            lines=[
                Line(
                    name=version,
                    kind=kinds[version],
                    points=[
                        (row["at"], 100 * row[value])
                        for row in rows
                        if row[value] is not None and (value == "share" or row["labelled"] >= LABELLED_MIN)
                    ],
                    is_step=value == "share",
                )
                for version, rows in _by_version(known).items()
            ],
            unit="%",
            low=low,
            high=100.0,
        )

    if not any(row["labelled"] for row in known):
        return []
    return [
        chart("labelled", "Labelled by now", "of the requests made then · labels come late: what is known of the last "
              "minutes is no fair sample", "share", 0.0),
        chart("agreement", "Right, by when it was asked", "of the labelled requests · fewer than 20 are not drawn",
              "agreement", None),
    ]  # fmt: skip


def _kinds(store: Store, asked: Asked, base: Row, versions: Sequence[str]) -> dict[str, str]:
    """Return the class of each version's line, by the newest release where there is one."""
    releases = store.ask("releases", model=asked.model, at=base["range"]["to"])
    first = releases[0] if releases else {"version": "", "baseline": next(iter(versions), "")}
    return lines.kinds_of(first["version"], first["baseline"], versions)


def _by_version(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {
        version: [row for row in rows if row["version"] == version]
        for version in dict.fromkeys(row["version"] for row in rows)
    }


def _errors(bins: Sequence[Row]) -> list[str]:
    """Return in words how far each version's confidence is from how often it is right."""
    out = []
    for version, rows in _by_version(bins).items():
        n, right = sum(row["n"] for row in rows), sum(row["right"] for row in rows)
        off = rows[0]["calibration_error"]
        out.append(
            f"{version} was right in {percent(right / n)} of {count(n)} labelled answers; its scores are off by"
            f" {percent(off)} on average."
        )
    return out
