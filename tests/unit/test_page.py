"""The page without a browser: charts as text, who may look, what an address may hold, and a store that has nothing."""

import http.client
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from flows.page.app import PAGES
from flows.page.asked import FAR_MS, Asked, WrongAddress, asked_of, segment
from flows.page.chart import Chart, Level, Line, Mark
from flows.page.connections import Connection
from flows.page.html import page
from flows.page.live import Answers
from flows.page.security import NotAllowed, check
from flows.page.serve import Server
from flows.page.small_svg import bounds_bar, share_bar, spark
from flows.page.store import NoAnswer, Store, file_of, moment
from flows.page.svg import svg
from flows.page.views.evidence import cells_of, is_beyond
from flows.page.views.sentences import cause, undecided, unsure
from flows.page.views.slices import table
from flows.page.views.states import WORDS, event_row, state_of
from operators.connectors.clickhouse.migrations import migrate
from operators.release.transitions import URGENCY
from tests.conftest import MIGRATIONS, Embedded
from tests.pictures import SCHEMES, SHOWN

HOSTILE = '"><script>alert(1)</script>&'
TOKEN = "a token & much more"  # noqa: S105
# One value for each parameter that a question may have.
PARAMS: dict[str, Any] = {
    "model": "m", "version": "v", "baseline": "b", "slice": "*", "slices": ["*"],
    "versions": ["v"], "models": ["m"], "columns": 24, "field": "features.x",
    "measures": ["x"], "slis": [], "began": moment(0), "sli": "s", "measure": "",
    "rule": "r", "since": moment(0),
    "type": "", "hash": "", "request": "r", "at": moment(FAR_MS), "from": moment(0), "to": moment(FAR_MS), "count": 10,
    "step_s": 60, "id": "c", "first": 0, "find": "x",
}  # fmt: skip


def chart(**fields: Any) -> Chart:
    base: dict[str, Any] = {
        "name": "x",
        "title": "t",
        "note": "n",
        "label": "l",
        "start": 0,
        "end": 60_000,
        "lines": [],
    }
    return Chart(**base | fields)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line(name="a", kind="candidate", points=[])],
        [Line(name="a", kind="candidate", points=[(5, 1.0)])],
        [Line(name="a", kind="candidate", points=[(5, 0.0), (9, 0.0)], is_step=True, band=[(5, 0.0, 0.0)])],
        [Line(name="a", kind="candidate", points=[(-5, -1e300), (10**15, 1e300)])],
    ],
)
@pytest.mark.parametrize("log", [False, True])
def test_a_chart_is_svg_without_style_whatever_there_is_to_draw(lines: list[Line], log: bool) -> None:
    made = (
        chart(lines=lines, log=log)
        if not log
        else chart(lines=lines[:0], log=True, levels=[Level(value=4.0, name="x")])
    )
    root = ElementTree.fromstring(svg(made))  # noqa: S314
    assert root.get("role") == "img"
    assert "style" not in svg(made)
    assert "nan" not in svg(made)


def test_names_are_text_in_charts() -> None:
    line = Line(name=HOSTILE, kind=HOSTILE, points=[(1, 1.0), (2, 2.0)], band=[(1, 0.0, 2.0)])
    made = [
        svg(
            chart(
                label=HOSTILE,
                unit=HOSTILE,
                lines=[line],
                marks=[Mark(at=5, name=HOSTILE)],
                levels=[Level(value=1.0, name=HOSTILE)],
            )
        ),
        spark([line], HOSTILE),
        bounds_bar(0.1, -1.0, 5.0, 0.5, HOSTILE),
        share_bar([(HOSTILE, 1.0)], HOSTILE),
    ]
    for text in made:
        assert "<script" not in text
        ElementTree.fromstring(text)  # noqa: S314


@pytest.mark.parametrize("name", ["v2", "a/b", "..", ".", "x.json", "%2F", "ü ?&#", HOSTILE])
def test_a_name_comes_back_from_its_address(name: str) -> None:
    once = unquote(segment(name))  # What a server does.
    assert "/" not in once
    assert not once.endswith(".json")
    assert asked_of({"model": once}, {}).model == name


@pytest.mark.parametrize(
    "query",
    [
        {"at": "yesterday"},
        {"since": "1y"},
        {"page": "-1"},
        {"page": "99999"},
        {"drop": "1"},
        {"slice": "x" * 2000},
        {"from": "today"},
        {"to": "1y"},
        {"from": "5", "to": "5"},
        {"from": "5", "since": "1h"},
    ],
)
def test_what_cannot_be_used_in_an_address_is_named(query: dict[str, str]) -> None:
    with pytest.raises(WrongAddress, match=next(iter(query))):
        asked_of({}, query)


def test_a_range_is_obeyed_or_refused() -> None:
    hour = 3_600_000
    assert asked_of({}, {}).span(5 * hour, hour) == (4 * hour, 5 * hour)
    assert asked_of({}, {}).span(5 * hour, 5 * hour, floor=2 * hour) == (2 * hour, 5 * hour)
    assert asked_of({}, {"since": "2h"}).span(5 * hour, hour) == (3 * hour, 5 * hour)
    asked = asked_of({}, {"from": str(hour), "to": "1970-01-01T02:00:00Z"})
    assert asked.span(5 * hour, 2 * hour) == (hour, 2 * hour)
    assert asked.stay == "&from=1970-01-01T01%3A00%3A00Z&to=1970-01-01T02%3A00%3A00Z"
    assert asked_of({}, {"to": str(9 * hour), "since": "1h"}).span(5 * hour, 2 * hour) == (4 * hour, 5 * hour)
    for query, counted in (({"from": str(hour)}, hour), ({"to": str(hour)}, 5 * hour), ({"from": "0"}, 800 * hour)):
        with pytest.raises(WrongAddress, match=r"nothing is counted|more than 31 days"):
            asked_of({}, query).span(counted, 2 * hour, floor=2 * hour)


def test_others_are_let_in_by_a_token_and_by_names_alone() -> None:
    check("127.0.0.1", None, ())
    check("0.0.0.0", TOKEN, ["page.example"])  # noqa: S104
    for host, token, names in (("0.0.0.0", None, ["x"]), ("10.0.0.1", TOKEN, []), ("127.0.0.1", "short", [])):  # noqa: S104
        with pytest.raises(NotAllowed):
            check(host, token, names)


def test_an_answer_is_made_once_however_many_ask() -> None:
    answers, gate = Answers(), threading.Event()

    def make() -> bytes:
        gate.wait(10)
        return b"x"

    threads = [threading.Thread(target=answers.get, args=("key", 1, make)) for _ in range(16)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert answers.made == 1
    assert answers.get("key", 2, lambda: b"y") == b"y"
    assert answers.get("key", 1, lambda: b"z") == b"y"  # Newer is as good.
    assert not answers.making


def test_nothing_is_kept_of_addresses_that_fail() -> None:
    answers = Answers()

    def make() -> bytes:
        raise NoAnswer("no such version")

    for number in range(2_000):
        with pytest.raises(NoAnswer):
            answers.get(f"key-{number}", 1, make)
    assert not answers.making
    assert answers.get("key-1", 1, lambda: b"x") == b"x"


def test_every_phase_has_a_word() -> None:
    assert {*URGENCY} == WORDS.keys()
    assert state_of({"phase_now": "rolling_out", "held_by": {"canary": "hold"}}).word == "held"
    ranks = [state_of({"phase_now": phase, "held_by": {}}).rank for phase in URGENCY]
    assert ranks == sorted(ranks)


def test_an_event_of_a_type_that_is_not_known_is_shown_all_the_same() -> None:
    event: dict[str, Any] = dict.fromkeys(
        ("at", "model", "version", "rule", "severity", "worst", "pin", "reason", "id", "runbook", "sentence"), ""
    )
    event |= {"error_types": '[{"name":"timeout","n":12,"baseline":3}]', "findings": "", "moved": []}
    shown = event_row(event | {"type": "new", "state": "resolved", "slices_n": 0, "acked": 0, "silenced": 1})
    assert (shown["word"], shown["extra"], shown["state"]) == ("new", "silenced", "resolved")
    assert shown["details"] == ["Failed by: timeout 12 (3 on the baseline)."]


def test_a_thousand_slices_are_forty_rows_and_pages_of_a_hundred() -> None:
    row: dict[str, Any] = {
        "rule": "canary", "sli": "ok", "measure": "", "verdict": "INSUFFICIENT", "candidate_good": 5,
        "candidate_bad": 1,
        "baseline_good": 9, "baseline_bad": 0, "value": 0.1, "lower": -0.1, "upper": 0.3, "log_e_peak": 0.5,
        "log_e": 0.5,
        "needed_log_e": 4.0, "decides_in": 100.0, "baseline": "v1",
    }  # fmt: skip
    rows = [row | {"slice": f"s={999 - n}", "place": n + 2, "slices": 1_001} for n in range(1_000)]
    rows.append(row | {"slice": "*", "place": 1, "slices": 1_001})
    shown = table(cells_of(rows), 0)
    assert [each["slice"] for each in shown["rows"][:2]] == ["*", "s=999"]
    assert (len(shown["rows"]), shown["pages"], shown["slices"]) == (40, 11, 1_001)
    assert len(table(cells_of(rows), 11)["rows"]) == 1


def test_every_question_is_answered_by_a_store_without_rows(embedded_clickhouse: Embedded) -> None:
    store = Store(embedded_clickhouse.url)
    files = sorted((MIGRATIONS / "page").glob("*.sql"))
    assert len(files) > 15
    try:
        for file in files:
            assert file.read_text().startswith("-- "), file
            names = set(re.findall(r"\{(\w+):", file.read_text()))
            assert store.ask(file.stem, **{name: PARAMS[name] for name in names}) is not None
            assert file_of(file.stem) == file
    finally:
        store.close()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Server]:
    url = f"chdb://{tmp_path}/clickhouse"
    server = Server(url, "127.0.0.1:0", TOKEN)
    try:
        server.begin()
        yield server
    finally:
        server.end()


def get(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str, str]:
    """Status, text and cookie of an answer; a redirection is not followed."""
    opener = urllib.request.build_opener(_Stay)
    request = urllib.request.Request(url, data, {name.title(): value for name, value in headers.items()})  # noqa: S310
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.read().decode(), answer.headers.get("set-cookie", "")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers.get("set-cookie", "")


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_a_guarded_page_of_a_store_that_is_not_ready_and_then_is(empty: Server, tmp_path: Path) -> None:
    address = empty.address
    assert get(address)[0] == 303
    assert get(f"{address}index.json")[0] == 303
    assert get(f"{address}login", urllib.parse.urlencode({"token": "wrong"}).encode())[0] == 403
    code, _, cookie = get(f"{address}login", f"token={urllib.parse.quote_plus(TOKEN)}".encode())
    assert (code, "HttpOnly" in cookie, "SameSite=strict" in cookie) == (303, True, True)
    cookie = cookie.partition(";")[0]
    assert get(f"{address}readyz")[0] == 503
    code, text, _ = get(address, cookie=cookie)
    assert (code, "Starting" in text) == (503, True)
    migrate(f"chdb://{tmp_path}/clickhouse", MIGRATIONS)
    code, text, _ = get(address, cookie=cookie)
    assert (code, "Nothing is counted yet" in text) == (200, True)
    for path, name, _view in PAGES:
        if "{" in path:
            assert get(address + path[1:].format(model="m", version="v", id="rollback.md"), cookie=cookie)[0] in (
                200,
                404,
            ), name
        else:
            assert get(address + path[1:], cookie=cookie)[0] == 200, name
    assert get(address, authorization=f"Bearer {TOKEN}")[0] == 200
    assert get(address, cookie=cookie, host="evil.example")[0] == 421


def test_a_store_that_is_not_there_is_no_answer(tmp_path: Path) -> None:
    store = Store(f"chdb://{tmp_path}/none")
    try:
        with pytest.raises(NoAnswer):
            store.ask("counted", at=moment(FAR_MS))
    finally:
        store.close()


def test_whatever_stands_in_a_page_is_text() -> None:
    text = page("failed", asked=Asked(), path="", title=HOSTILE, why=HOSTILE, code=404, counted=None)
    assert "<script>alert" not in text


def test_a_case_is_shown_as_text() -> None:
    case = dict.fromkeys(("model", "version", "id", "request_id", "slice", "reason", "owner", "root_cause"), HOSTILE)
    case |= {"unsafe": 1, "status": "open", "size": 3, "first_signal": 0, "regressed": "x", "priority": 1.0}  # type: ignore[dict-item]
    text = page("triage", asked=Asked(), path="/triage", counted=None, may=frozenset(), cases=[case], model="")
    assert "<script>alert" not in text
    assert "came back after a conversion" in text


def test_bars_show_all_bounds_of_what_is_surely_worse() -> None:
    usual: dict[str, Any] = {
        "rule": "canary", "sli": "ok", "measure": "", "verdict": "OK", "candidate_good": 5, "candidate_bad": 1,
        "baseline_good": 9, "baseline_bad": 0, "value": 0.0, "lower": -0.01, "upper": 0.01, "log_e_peak": 0.5,
        "log_e": 0.5, "needed_log_e": 4.0, "decides_in": 0.0, "baseline": "v1", "slices": 41,
    }  # fmt: skip
    rows = [usual | {"slice": f"s={n}", "place": n + 2} for n in range(40)]
    worse = usual | {"slice": "*", "place": 1, "verdict": "BAD", "value": 0.2, "lower": 0.08, "upper": 0.31}
    assert table(cells_of([worse, *rows]), 0)["scale"] == 0.31
    assert table(cells_of(rows), 0)["scale"] == 0.01


def test_the_cause_is_told_as_events_told_it() -> None:
    findings = [{"since": 60_000, "words": "features.https reaches 100, not 1", "slice": "region=eu"}]
    found = [{"first": 30_000, "text": "features.https: mean 16", "slice": "*", "only": True}]
    assert cause(findings, found, 120_000) == (
        "Earlier, and only on the candidate: features.https reaches 100, not 1 in region=eu, 00:01:00, 1:00 before."
    )
    assert "mean 16 in all traffic" in cause([], found, 120_000)
    assert cause([], [], 120_000) == cause(findings, [], 50_000) == ""
    assert cause(findings, found, 120_000, "ago").endswith(" ago.")


def test_documents_show_the_pictures_that_there_are() -> None:
    root = MIGRATIONS.parents[1]
    shown = set()
    for document in (root / "README.md", *(root / "docs").glob("*.md")):
        for name in re.findall(r'src(?:set)?="([^"]*)"', document.read_text()):
            shown.add((document.parent / name).resolve())
    pictures = {path.resolve() for path in (root / "docs" / "pictures").iterdir()}
    assert shown == pictures
    assert {f"{name}-{scheme}.png" for name in SHOWN for scheme in SCHEMES} == {path.name for path in pictures}
    for path in pictures:
        assert path.read_bytes().startswith(b"\x89PNG"), path
        assert path.stat().st_size < 250_000


def test_what_is_past_the_line_and_not_decided_says_why() -> None:
    row: dict[str, Any] = {
        "rule": "canary", "sli": "ok", "measure": "", "verdict": "INSUFFICIENT", "candidate_good": 50,
        "candidate_bad": 50, "baseline_good": 99, "baseline_bad": 1, "value": 0.4, "lower": 0.2, "upper": 0.5,
        "log_e_peak": 9.0, "log_e": 9.0, "needed_log_e": 4.0, "decides_in": 10.0, "baseline": "v1", "slice": "*",
    }  # fmt: skip
    (cell,) = cells_of([row])
    assert cell["what"] == "E = 8,103 : 1, good labels may still come"
    assert "those that have no label yet may be good" in unsure([cell])
    (below,) = cells_of([row | {"log_e_peak": 3.0}])
    assert (below["what"], is_beyond(below)) == ("about 10 more", False)


def test_what_is_not_decided_says_how_long_it_takes() -> None:
    """Of comparisons of all traffic the one that takes longest: labels come more slowly than requests."""
    cell = {"slice": "*", "verdict": "INSUFFICIENT", "began": 1_000_000, "at": 1_600_000}
    fast = cell | {"name": "fast", "n": 1_000, "decides_in": 4_000.0}
    right = cell | {"name": "right", "n": 100, "decides_in": 1_000.0}
    part = fast | {"slice": "region=eu", "decides_in": 1e9}
    assert undecided([fast, right, part]) == (
        "Not decided: right needs about 1,000 more requests of the candidate, 1 h 40 m at the pace so far."
    )
    nothing = cell | {"name": "asked", "n": 0, "decides_in": None}
    assert undecided([fast, nothing]).endswith("40 m at the pace so far; nothing has come for asked.")


def test_names_of_levels_that_are_near_each_other_are_not_written_over_each_other() -> None:
    lines = [Line(name="a", kind="all", points=[(0, 0.1), (60_000, 1.0)])]
    for far in (0.001, 0.05, 0.1, 0.5):
        drawn = svg(chart(lines=lines, levels=[Level(value=0.4, name="low"), Level(value=0.4 + far, name="high")]))
        high, low = (float(re.search(rf'y="([0-9.]+)">{name}<', drawn)[1]) for name in ("high", "low"))  # type: ignore[index]
        assert low - high >= 10


def test_no_part_of_an_answer_waits_for_an_acknowledgement(empty: Server) -> None:
    connection = http.client.HTTPConnection(empty.address.removeprefix("http://").rstrip("/"), timeout=60)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
        (taken,) = empty._server.server_state.connections  # What the server took, not what listens.
        assert isinstance(taken, Connection)
        assert taken.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        connection.close()


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    first = Server(f"chdb://{tmp_path}/a", "127.0.0.1:0")
    taken = first.address.removeprefix("http://").rstrip("/")
    try:
        with pytest.raises(OSError, match="in use") as raised:
            Server(f"chdb://{tmp_path}/b", taken)
        assert raised.value.filename == taken
    finally:
        first.end()
