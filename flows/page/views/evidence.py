"""What comparisons say, in words, and the lines of evidence of one of them."""

from collections import defaultdict
from collections.abc import Sequence

from flows.page.chart import Chart, Level, Line, Mark
from flows.page.store import Row
from flows.page.views.states import VERDICTS
from flows.page.words import count, named, odds, points

LINES = 12  # Lines of a chart; beyond four they are grey.
COLOURED = 3
NOT_SURE = "good labels may still come"
SHARE_MAX = 0.5  # The widest scale of a bar: half of all events.
SLIS = 3  # SLIs with drawn lines: with more the page would be slow and long.


def cells_of(rows: Sequence[Row]) -> list[Row]:
    """Return each comparison with the words of its cell."""
    return [row | _cell(row) for row in rows]


def _cell(row: Row) -> Row:
    sign, words, kind = VERDICTS[row["verdict"]]
    n = row["candidate_good"] + row["candidate_bad"]
    base = row["baseline_good"] + row["baseline_bad"]
    if not n:
        sign, words, kind = VERDICTS["STALE"]
        words = "nothing to compare yet"
    return {
        "name": row["sli"] or row["measure"],
        "key": (row["rule"], row["sli"], row["measure"]),
        "n": n,
        "counts": f"{count(row['candidate_bad'])}/{count(n)} : {count(row['baseline_bad'])}/{count(base)}",
        "sign": sign,
        "words": words,
        "kind": kind,
        "difference": points(row["value"]),
        "what": _what(row, n),
    }


def _what(row: Row, n: int) -> str:
    if not n:
        return ""
    if row["verdict"] == "BAD":
        return f"E = {odds(row['log_e_peak'])}"
    if row["verdict"] == "OK" and row["upper"] is not None:
        return f"within {100 * max(row['upper'], 0.0):.1f}"
    if is_beyond(row):
        return f"E = {odds(row['log_e_peak'])}, {NOT_SURE}"
    return "" if not row["decides_in"] or row["decides_in"] < 1 else f"about {count(row['decides_in'])} more"


def is_beyond(row: Row) -> bool:
    """Tell whether the labels would decide, but for the requests without one."""
    return bool(row["verdict"] == "INSUFFICIENT" and row["log_e_peak"] >= row["needed_log_e"])


def lead_of(cells: Sequence[Row], name: str) -> Row | None:
    """Return the comparison asked for, else the one with most evidence; at a tie an undecided one."""
    some = [cell for cell in cells if cell["name"] == name] or list(cells)
    return min(
        some,
        key=lambda cell: (
            not cell["n"],
            -round(cell["log_e_peak"], 3),
            cell["verdict"] != "INSUFFICIENT",
            cell["name"],
        ),
        default=None,
    )


def drawn(cells: Sequence[Row], lead: Row, chosen: str) -> list[str]:
    """Return the slices whose lines are drawn: all traffic, the chosen one, and those with most evidence."""
    mine = sorted((cell for cell in cells if cell["key"] == lead["key"]), key=lambda cell: -cell["log_e_peak"])
    return list(dict.fromkeys(["*", chosen, *(cell["slice"] for cell in mine)]))[:LINES]


def slis_of(cells: Sequence[Row], lead: Row | None) -> list[str]:
    """Return the SLIs whose lines are drawn: the chosen one, and those with most evidence; empty: all SLIs."""
    order = sorted(
        (cell for cell in cells if cell["sli"]), key=lambda cell: (cell["slice"] != "*", -cell["log_e_peak"])
    )
    chosen = [lead["sli"]] if lead is not None and lead["sli"] else []
    return list(dict.fromkeys([*chosen, *(cell["sli"] for cell in order)]))[:SLIS]


def growth(lines: Sequence[Row], cells: Sequence[Row], lead: Row, marks: Sequence[Mark], start: int, end: int) -> Chart:
    """Return how the evidence of each slice grew, against the lines that decide."""
    mine = {cell["slice"]: cell for cell in cells if cell["key"] == lead["key"]}
    by_slice: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in lines:
        by_slice[row["slice"]].append((row["at"], row["log_e"]))
    order = sorted(by_slice, key=lambda text: (text != "*", -mine[text]["log_e_peak"] if text in mine else 0))
    kinds = {text: "all" if text == "*" else f"slice{place}" for place, text in enumerate(order[: COLOURED + 1])}
    drawn_lines = [
        Line(name=named(text), kind=kinds.get(text, "grey"), points=by_slice[text], is_step=True)
        for text in sorted(order, key=lambda text: text in kinds)
    ]
    levels = _levels(mine)
    best = max((cell["log_e_peak"] for cell in mine.values()), default=0.0)
    candidate = lead["version_of"]
    return Chart(
        name="evidence",
        title="How the evidence grew",
        note=f"odds against “{candidate} is no worse than {lead['baseline']}” · {lead['name']} · a line per slice"
        " · valid however often you look",
        label=f"Evidence that {candidate} is worse, {lead['name']}, by slice over time. Largest: {odds(best)}.",
        start=start,
        end=end,
        lines=drawn_lines,
        marks=marks,
        levels=levels,
        log=True,
        wide=True,
        low=-2.5,
        high=max((level.value for level in levels), default=4.0) + 0.5,
    )


def _levels(mine: dict[str, Row]) -> list[Level]:
    levels = []
    if "*" in mine:
        needed = mine["*"]["needed_log_e"]
        levels.append(Level(value=needed, name=f"all traffic decides at {odds(needed)}"))
    slices = [cell["needed_log_e"] for text, cell in mine.items() if text != "*" and cell["n"]]
    if slices:
        levels.append(Level(value=max(slices), name=f"one slice alone at {odds(max(slices))}; several need less"))
    return levels


def difference(lines: Sequence[Row], text: str, lead: Row, marks: Sequence[Mark], start: int, end: int) -> Chart:
    """Return how much worse the candidate is in one slice, with bounds that hold at any time."""
    rows = [row for row in lines if row["slice"] == text and row["value"] is not None and row["lower"] is not None]
    return Chart(
        name="difference",
        title="How much worse",
        note=f"{lead['name']} · {named(text)} · points, with bounds valid at any time",
        label=f"Difference of failed answers in {named(text)}, in points, with bounds, over time.",
        start=start,
        end=end,
        lines=[
            Line(
                name="difference",
                kind="candidate",
                points=[(row["at"], 100 * row["value"]) for row in rows],
                band=[
                    (row["at"], 100 * max(row["lower"], -SHARE_MAX), 100 * min(row["upper"], SHARE_MAX)) for row in rows
                ],
            )
        ],
        marks=marks,
        levels=[Level(value=0.0, name="no difference")],
        unit="points",
    )
