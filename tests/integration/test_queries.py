"""Every file of infra/clickhouse/queries gives the answer that plain Python gives from the same events.

The events are written as panes at the finest grain, some of them late. Each question is asked of the panes, and of
the hours and days merged from them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from tests.conftest import MIGRATIONS, migrated
from tests.integration import (
    test_calibration_query,
    test_cohort_queries,
    test_control_queries,
    test_drift_queries,
    test_judge_queries,
    test_kpi_queries,
    test_request_queries,
    test_triage,
)
from tests.integration.known_events import (
    DAY,
    EVENTS,
    FEEDBACK,
    PANE_MS,
    START_MS,
    TONE,
    Event,
    feedback,
    measure_panes,
    outcome_panes,
    panes,
    sli_panes,
)

QUERIES = MIGRATIONS / "queries"
MEASURES = ("latency_ms", "ttft_ms", "input_tokens", "output_tokens", "cost_usd")

Row = Sequence[Any]


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with migrated(tmp_path_factory.mktemp("queries")) as embedded:
        inserter = Inserter(embedded.client, _fail)
        for rows in (sli_panes(), outcome_panes(), measure_panes(), feedback()):
            inserter.add(rows)
        inserter.flush()
        for grain in ("1h", "1d"):
            for table in ("sli_pane", "outcome_pane", "measure_pane"):
                embedded.client.command(f"SYSTEM REFRESH VIEW {table}_{grain}_refresh")
                embedded.client.command(f"SYSTEM WAIT VIEW {table}_{grain}_refresh")
        yield embedded.client


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A file, its parameters, and the answer for the events of a range; `panes`: parameter -> table."""

    file: str
    answer: Callable[[list[Event]], list[Row]]
    panes: dict[str, str]
    params: dict[str, Any] = {}
    grains: tuple[str, ...] = ("", "_1h", "_1d")


def _groups(events: list[Event], by: Sequence[str]) -> list[tuple[str, list[str], list[Event]]]:
    groups: dict[Any, list[Event]] = defaultdict(list)
    for event in events:
        groups[event.version, event.slice(by)].append(event)
    return [(version, list(slice_), group) for (version, slice_), group in sorted(groups.items())]


def _success(by: Sequence[str]) -> Callable[[list[Event]], list[Row]]:
    def answer(events: list[Event]) -> list[Row]:
        rows: list[Row] = []
        for version, slice_, group in _groups(events, by):
            good, bad, neither = (sum(event.good is what for event in group) for what in (True, False, None))
            rows.append([version, slice_, good, bad, neither, good / (good + bad), *_wilson(good, good + bad)])
        return rows

    return answer


def _wilson(good: int, n: int) -> tuple[float, float]:
    """The roots of (p - good / n)^2 = z^2 p (1 - p) / n."""
    z = 1.959963984540054
    low, high = sorted(np.roots([1 + z * z / n, -2 * good / n - z * z / n, (good / n) ** 2]).real)
    return float(low), float(high)


def _quantiles(values: list[float], shares: Sequence[float]) -> list[float]:
    return [float(np.quantile(values, share)) for share in shares]


def _sizes(by: Sequence[str], measure: str) -> Callable[[list[Event]], list[Row]]:
    def answer(events: list[Event]) -> list[Row]:
        rows: list[Row] = []
        for version, slice_, group in _groups([event for event in events if measure in event.measures], by):
            values = [float(event.measures[measure]) for event in group]
            quantiles = _quantiles(values, [0.5, 0.9, 0.95, 0.99])
            rows.append([version, slice_, len(values), np.mean(values), min(values), *quantiles, max(values)])
        return rows

    return answer


def _by_time(events: list[Event], step_s: int) -> list[tuple[datetime, str, list[Event]]]:
    groups: dict[Any, list[Event]] = defaultdict(list)
    for event in events:
        groups[event.ts // 1000 // step_s * step_s, event.version].append(event)
    # The driver gives UTC without a zone.
    return [
        (datetime.fromtimestamp(time, UTC).replace(tzinfo=None), version, group)
        for (time, version), group in sorted(groups.items())
    ]


def _ttft(step_s: int) -> Callable[[list[Event]], list[Row]]:
    def answer(events: list[Event]) -> list[Row]:
        rows: list[Row] = []
        for time, version, group in _by_time([event for event in events if "ttft_ms" in event.measures], step_s):
            values = [float(event.measures["ttft_ms"]) for event in group]
            rows.append([time, version, len(values), *_quantiles(values, [0.5, 0.95, 0.99])])
        return rows

    return answer


def _requests(step_s: int) -> Callable[[list[Event]], list[Row]]:
    def answer(events: list[Event]) -> list[Row]:
        groups = _by_time(events, step_s)
        total: Counter[datetime] = Counter()
        for time, _, group in groups:
            total[time] += len(group)
        return [
            [time, version, len(group), sum(event.error_type != "" for event in group), len(group) / total[time]]
            for time, version, group in groups
        ]

    return answer


def _errors(by: Sequence[str]) -> Callable[[list[Event]], list[Row]]:
    def answer(events: list[Event]) -> list[Row]:
        rows: list[Row] = []
        for version, slice_, group in _groups(events, by):
            counts = Counter(event.error_type for event in group if event.error_type)
            for error_type, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
                rows.append([version, slice_, error_type, n, len(group), n / len(group)])
        return rows

    return answer


def _costs(group: list[Event]) -> Row:
    known = {name: [e.measures[name] for e in group if name in e.measures] for name in MEASURES}
    sums = {name: sum(values, Decimal(0)) for name, values in known.items()}
    means = {name: float(sums[name]) / len(values) if values else None for name, values in known.items()}
    successes = sum(event.error_type == "" for event in group)
    cost = means["cost_usd"]
    return [
        len(group),
        successes,
        sums["input_tokens"],
        sums["output_tokens"],
        sums["cost_usd"],
        len(known["cost_usd"]) / len(group),
        means["input_tokens"],
        means["output_tokens"],
        cost,
        None if cost is None else cost * 1000,
        None if cost is None or not successes else cost * len(group) / successes,
    ]


def _cost(by: Sequence[str]) -> Callable[[list[Event]], list[Row]]:
    return lambda events: [[version, slice_, *_costs(group)] for version, slice_, group in _groups(events, by)]


def _cost_by_team(events: list[Event]) -> list[Row]:
    rows: list[list[Any]] = []
    for version, (team, endpoint), group in _groups(events, ["team", "endpoint"]):
        rows.append([team, endpoint, "m", version, *_costs(group)])
    return sorted(rows, key=lambda row: (-row[8], *row[:4]))


def _quality(events: list[Event]) -> list[Row]:
    last = {(name, request): (event, value) for event, request, _, value, known, name in FEEDBACK + TONE if known}
    rows: list[Row] = []
    for time, version, group in _by_time(events, 3600):
        asked = {id(event) for event in group}
        for criterion in ("", "tone"):
            values = [
                float(value) for (name, _), (event, value) in last.items() if name == criterion and id(event) in asked
            ]
            mean = sum(values) / len(values)
            share = len(values) / len(group)
            rows.append([time, version, criterion, len(group), len(values), share, mean, 1 - mean])
    return rows


OUTCOMES = {"panes": "outcome_pane"}
MEASURED = {"panes": "measure_pane"}
COSTS = {"outcomes": "outcome_pane", "measures": "measure_pane"}
SLI = {"sli": "availability"}
BYS: tuple[list[str], ...] = ([], ["region"], ["team", "region"])

QUESTIONS = [
    *[
        Question(file="success_ratio", answer=_success(by), panes={"panes": "sli_pane"}, params={"by": by, **SLI})
        for by in BYS
    ],
    *[
        Question(file="measure_quantiles", answer=_sizes(by, m), panes=MEASURED, params={"by": by, "measure": m})
        for by in BYS
        for m in ("latency_ms", "input_tokens")
    ],
    Question(file="ttft_over_time", answer=_ttft(600), panes=MEASURED, params={"step_s": 600}, grains=("",)),
    Question(file="ttft_over_time", answer=_ttft(3600), panes=MEASURED, params={"step_s": 3600}, grains=("", "_1h")),
    Question(file="requests_over_time", answer=_requests(60), panes=OUTCOMES, params={"step_s": 60}, grains=("",)),
    Question(file="requests_over_time", answer=_requests(86_400), panes=OUTCOMES, params={"step_s": 86_400}),
    *[Question(file="errors_by_type", answer=_errors(by), panes=OUTCOMES, params={"by": by}) for by in BYS],
    *[Question(file="cost", answer=_cost(by), panes=COSTS, params={"by": by}) for by in BYS],
    Question(file="cost_by_team", answer=_cost_by_team, panes=COSTS),
    Question(
        file="quality_by_request_hour", answer=_quality, panes=OUTCOMES, params={"kind": "label"}, grains=("", "_1h")
    ),
]

# Numbers agree to the last bits, except quantiles, which agree within 1 %.
TOLERANCES = dict.fromkeys(("p50", "p90", "p95", "p99"), 0.01)


def _ask(client: Client, question: Question, grain: str, start: datetime, end: datetime) -> Any:
    panes = {name: f"{table}{grain}_latest" for name, table in question.panes.items()}
    sql = (QUERIES / f"{question.file}.sql").read_text()
    return client.query(sql, {"model": "m", "from": start, "to": end, **panes, **question.params})


def _check(result: Any, expected: list[Row]) -> None:
    assert len(result.result_rows) == len(expected) > 0
    for row, wanted in zip(result.result_rows, expected, strict=True):
        assert len(row) == len(wanted)
        for name, got, want in zip(result.column_names, row, wanted, strict=True):
            if isinstance(want, float):
                # A bucket of gamma = 1.02 is off by at most 0.02 / 2.02.
                assert got == pytest.approx(want, rel=TOLERANCES.get(name, 1e-9)), (name, row, wanted)
            else:
                assert got == want, (name, row, wanted)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: "-".join([q.file, *map(str, q.params.values())]))
def test_questions_are_answered(client: Client, question: Question) -> None:
    for grain in question.grains:
        _check(_ask(client, question, grain, DAY, DAY + timedelta(days=1)), question.answer(EVENTS))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: "-".join([q.file, *map(str, q.params.values())]))
def test_any_range_of_panes_can_be_asked_for(client: Client, question: Question) -> None:
    start, end = DAY + timedelta(minutes=61, seconds=10), DAY + timedelta(minutes=119)
    if "hour" in question.file:
        start, end = DAY + timedelta(hours=1), DAY + timedelta(hours=2)
    first, last = (int(moment.timestamp() * 1000) for moment in (start, end))
    within = [event for event in EVENTS if first <= event.ts < last]
    _check(_ask(client, question, "", start, end), question.answer(within))


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: "-".join([q.file, *map(str, q.params.values())]))
def test_nothing_is_no_answer(client: Client, question: Question) -> None:
    assert _ask(client, question, "", DAY + timedelta(days=9), DAY + timedelta(days=10)).result_rows == []


def test_a_ratio_of_nothing_is_unknown(client: Client) -> None:
    """Where only neither good nor bad requests are, the ratio is neither 0 nor 1."""
    pane = panes(
        "sli_pane",
        {("v9", (), START_MS // PANE_MS, False): {"sli": "odd", "good": 0, "bad": 0, "neither": 3, "ver": 3}},
    )
    inserter = Inserter(client, _fail)
    inserter.add(pane)
    inserter.flush()
    asked = Question(
        file="success_ratio", answer=lambda _: [], panes={"panes": "sli_pane"}, params={"by": [], "sli": "odd"}
    )
    assert _ask(client, asked, "", DAY, DAY + timedelta(days=1)).result_rows == [("v9", [], 0, 0, 3, None, None, None)]


def test_every_file_is_tested_and_says_what_it_needs() -> None:
    files = {file.stem: file.read_text() for file in QUERIES.glob("*.sql")}
    others = {
        *test_calibration_query.FILES,
        *test_cohort_queries.FILES,
        *test_control_queries.FILES,
        *test_drift_queries.FILES,
        *test_judge_queries.FILES,
        *test_kpi_queries.FILES,
        *test_request_queries.FILES,
        *test_triage.FILES,
    }
    assert files.keys() == {question.file for question in QUESTIONS} | others
    for name, text in files.items():
        header = text.splitlines()
        assert re.fullmatch(r"-- .*\?", header[0]), name
        assert "-- Needs " in text, name
        # The names of the parameters stand left of their explanations.
        explained = {word for line in header if line.startswith("-- ") for word in re.findall(r"\w+", line[3:17])}
        assert set(re.findall(r"\{(\w+):", text)) <= explained, name
