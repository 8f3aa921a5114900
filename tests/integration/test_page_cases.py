"""Cases on the page: worked on by people whose name is known, from its own forms, once, by the steps of triage."""

import re
import urllib.parse
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from playwright.sync_api import Browser

from flows.page.cases import Cases
from flows.page.desk import Desk
from flows.page.serve import Server
from flows.triage.collect import collect
from operators.connectors.clickhouse.tables import Tables
from operators.triage.cases import id_of
from tests.conftest import Embedded, migrated
from tests.page_browser import Watched, browsing, violations
from tests.triaged import add, event, on, policy
from tests.unit.test_page import HOSTILE, TOKEN, get
from tests.unit.test_page_commands import login, post

pytestmark = pytest.mark.integration

RULES = policy()
ANSWER = "You can return them within 365 days, and keep what you paid for order {}, whatever you did to them."
EVENTS = [event(f"r{n}", "v2", f"How long can I return order {n}?", ANSWER.format(n) + HOSTILE, n) for n in range(3)]
CASE = id_of("shop", "r0")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with migrated(tmp_path_factory.mktemp("cases")) as embedded:
        feedback = [on(each, "report", "wrong") for each in EVENTS]
        feedback.append(
            on(EVENTS[0], "judge", 1, name="grounded", source="judge-1", reason="No page says so." + HOSTILE)
        )
        add(embedded, RULES, EVENTS, feedback)
        with Tables(embedded.url) as tables:
            collect(tables, RULES)
        yield embedded


@pytest.fixture(scope="module")
def page(store: Embedded) -> Iterator[Server]:
    server = Server(
        store.url, "127.0.0.1:0", TOKEN, desk=Desk(TOKEN, None, cases=Cases(store.url, ["stale", "other"], ["helpful"]))
    )
    try:
        server.begin()
        yield server
    finally:
        server.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


def case(page: Server, cookie: str, name: str = CASE) -> tuple[int, str, dict[str, str]]:
    """Status and text of a case, and the hidden field of each form on it."""
    code, text, _ = get(f"{page.address}case/{name}", cookie=cookie)
    return code, text, {kind: unescape(field) for kind, field in re.findall(FORM, text, re.DOTALL)}


FORM = r'<section id="(\w+)" class="card"><h2>.*?name="ticket" value="([^"]*)"'


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_case_and_what_to_do_can_be_used_by_everybody(page: Server, browser: Browser, scheme: Any) -> None:
    """Before the case is worked on: with all its forms."""
    name, _, value = login(page, "ann").partition("=")
    watched = Watched(browser, color_scheme=scheme)
    watched.page.context.add_cookies([{"name": name, "value": value, "url": page.address}])
    for path, heading in ((f"case/{CASE}", "label"), ("runbook/rollback.md", "rollback")):
        watched.page.goto(page.address + path)
        assert heading in watched.page.content().lower()
        assert violations(watched.page) == [], path
    assert watched.complaints == []
    watched.page.close()


def done(store: Embedded) -> list[tuple[Any, ...]]:
    rows = store.client.query("SELECT type, by, case_id, root_cause, note FROM triage_action_latest ORDER BY at, id")
    return [tuple(row) for row in rows.result_rows]


def test_a_case_is_labelled_and_becomes_a_test(page: Server, store: Embedded) -> None:
    ann, bob = login(page, "ann"), login(page, "bob")
    code, text, forms = case(page, ann)
    assert (code, set(forms)) == (200, {"claim", "label", "dismiss"})
    assert "How long can I return order 0?" in text
    assert "1 by judge-1: No page says so." in text
    assert HOSTILE not in text
    # Only what may be said is said, by whom the form was made for, and of this page.
    assert post(page, ann, ticket=forms["label"], cause="unheard of")[0] == 400
    assert post(page, bob, ticket=forms["label"], cause="stale")[0] == 403
    assert post(page, ann, "cross-site", ticket=forms["label"], cause="stale")[0] == 403
    assert done(store) == []
    for _ in range(2):  # A second click does nothing more.
        assert post(page, ann, ticket=forms["label"], cause="stale", note=HOSTILE, cluster="1")[0] == 303
    assert {row[:2] + row[3:] for row in done(store)} == {("label", "ann", "stale", HOSTILE)}
    assert sorted(row[2] for row in done(store)) == sorted(id_of("shop", each["request_id"]) for each in EVENTS)
    assert "labelled" in get(f"{page.address}triage", cookie=bob)[1], "it is seen at once"

    _, text, forms = case(page, bob)
    assert HOSTILE not in text
    code, text, _ = post(page, bob, ticket=forms["convert"])
    assert (code, "say what must hold of the answer" in text) == (400, True)
    code, text, _ = post(page, bob, ticket=forms["convert"], matches="(")
    assert (code, "is no regular expression" in text) == (400, True)
    # A test by an evaluator that nobody has would fail every version from now on, as sets never change.
    code, text, _ = post(page, bob, ticket=forms["convert"], passes="odd")
    assert (code, "no evaluator of the policy is named" in text) == (400, True)
    said = {"contains": "30 days\r\nreturn", "excludes": "365 days", "passes": "helpful"}
    for _ in range(2):
        assert post(page, bob, ticket=forms["convert"], **said)[0] == 303
    (test,) = store.client.query("SELECT input, checks, root_cause, by FROM eval_case_latest").result_rows
    assert test[0] == "How long can I return order 0?"
    assert (test[1].count("contains"), test[1].count("passes")) == (2, 1)
    assert test[2:] == ("stale", "bob")
    assert store.client.query("SELECT number, by FROM eval_set_latest").result_rows == [(1, "bob")]
    code, text, forms = case(page, ann)
    assert (code, forms, "converted" in text) == (200, {}, True)
    assert [row[:2] for row in done(store)].count(("convert", "bob")) == 1


def test_the_story_of_a_request_is_that_of_the_model_that_is_meant(page: Server, store: Embedded) -> None:
    cookie = login(page, "ann")
    code, text, _ = get(f"{page.address}request/r1", cookie=cookie)
    assert (code, "How long can I return order 1?" in text, HOSTILE in text) == (200, True, False)
    add(store, RULES, [event("r1", "v9", "Which shoes fit?", "Those.", 5, model="other")])
    code, text, _ = get(f"{page.address}request/r1?at=2100-01-01", cookie=cookie)
    assert (code, "Several models answered" in text, "order 1" in text) == (200, True, False)
    code, text, _ = get(f"{page.address}request/r1?model=other", cookie=cookie)
    assert (code, "Which shoes fit?" in text, "order 1" in text) == (200, True, False)
    assert get(f"{page.address}request/r9", cookie=cookie)[0] == 404


def test_nobody_without_a_name_sees_what_was_asked(page: Server) -> None:
    nameless = login(page, "")
    assert case(page, nameless)[0] == 403
    assert get(f"{page.address}triage", cookie=nameless)[0] == 200
    assert get(f"{page.address}case/{CASE}")[0] == 303
    assert case(page, login(page, "ann"), "0" * 36)[0] == 404
    assert get(f"{page.address}do/label?model=shop&about={CASE}", cookie=login(page, "ann"))[0] == 404
    assert get(f"{page.address}do/kill?model=shop&about=v2", cookie=login(page, "ann"))[0] == 404


def test_a_page_that_was_not_asked_to_does_nothing_with_cases(store: Embedded) -> None:
    server = Server(store.url, "127.0.0.1:0", TOKEN, desk=Desk(TOKEN, lambda _: None))
    try:
        server.begin()
        cookie = login(server, "ann")
        assert get(f"{server.address}case/{CASE}", cookie=cookie)[0] == 404
        assert "look at it" not in get(f"{server.address}triage", cookie=cookie)[1]
        assert urllib.parse.quote(CASE) not in get(f"{server.address}triage", cookie=cookie)[1]
    finally:
        server.end()
