"""Commands from the page: of people whose name is known, from its own forms alone, once, within its key's rights."""

import re
import urllib.parse
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import msgspec
import pytest

from flows.page.desk import Desk
from flows.page.security import NotAllowed, session, sign
from flows.page.serve import Server
from flows.page.tickets import NoTicket, opened, sealed, ticket
from operators.connectors.kafka.errors import NotDelivered
from operators.ingest.credentials import Credentials, Held
from operators.policy.command_keys import CommandKey
from operators.wire.commands import Ack, AnyCommand, Kill, Override, Rollback, Silence
from operators.wire.events import TEXT_MAX, ms_of
from tests.releasing import WELL, Story
from tests.unit.test_page import HOSTILE, TOKEN, get

KINDS = ("ack", "silence", "override", "kill")  # This page's key may not roll back.


class Sent:
    """Commands as a page sent them; `fault` is raised instead."""

    def __init__(self) -> None:
        self.commands: list[AnyCommand] = []
        self.fault: Exception | None = None

    def __call__(self, command: AnyCommand) -> None:
        if self.fault is not None:
            raise self.fault
        self.commands.append(command)


@pytest.fixture(scope="module")
def sent() -> Sent:
    return Sent()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, sent: Sent) -> Iterator[Server]:
    url = f"chdb://{tmp_path_factory.mktemp('page')}/clickhouse"
    server = Server(url, "127.0.0.1:0", TOKEN, desk=Desk(TOKEN, sent, KINDS))
    try:
        server.begin()
        yield server
    finally:
        server.end()


@pytest.fixture(autouse=True)
def nothing_sent(sent: Sent) -> None:
    sent.commands.clear()
    sent.fault = None


def login(page: Server, user: str) -> str:
    body = urllib.parse.urlencode({"token": TOKEN, "user": user}).encode()
    return get(f"{page.address}login", body)[2].partition(";")[0]


def form(page: Server, cookie: str, kind: str, model: str = "m", about: str = "v2") -> tuple[int, str, str]:
    """Status and text of a form, and its hidden field."""
    asked = urllib.parse.urlencode({"model": model, "about": about})
    code, text, _ = get(f"{page.address}do/{kind}?{asked}", cookie=cookie)
    found = re.search(r'name="ticket" value="([^"]*)"', text)
    return code, text, unescape(found[1]) if found else ""


def post(page: Server, cookie: str, site: str = "same-origin", **fields: str) -> tuple[int, str, str]:
    headers = {"cookie": cookie, "sec-fetch-site": site, "origin": page.address.rstrip("/")}
    return get(f"{page.address}do", urllib.parse.urlencode(fields).encode(), **headers)


@pytest.mark.parametrize(
    ("kind", "about", "fields", "wanted"),
    [
        ("ack", "e-1", {}, {"type": Ack, "event": "e-1"}),
        ("override", "v2", {"phrase": "run v2"}, {"type": Override, "version": "v2", "revoked": False}),
        ("kill", HOSTILE, {"phrase": f"kill {HOSTILE}"}, {"type": Kill, "version": HOSTILE}),
        # Nobody sees on a page, nor types, that its name ends with a space.
        ("kill", "v2  b ", {"phrase": "kill v2 b"}, {"type": Kill, "version": "v2  b "}),
        ("silence", "slo", {"span": "2h"}, {"type": Silence, "rule": "slo"}),
        ("silence", "", {"span": "2h"}, {"type": Silence, "rule": None}),
    ],
)
def test_a_form_becomes_a_command_of_the_person(
    page: Server, sent: Sent, kind: str, about: str, fields: dict[str, str], wanted: dict[str, Any]
) -> None:
    cookie = login(page, "ann")
    code, text, hidden = form(page, cookie, kind, about=about)
    assert code == 200
    assert "It is said by ann." in text
    assert HOSTILE not in text
    assert post(page, cookie, ticket=hidden, **fields)[0] == 303
    (command,) = sent.commands
    assert isinstance(command, wanted.pop("type"))
    assert (command.by, command.model) == ("ann", "m")
    assert {name: getattr(command, name) for name in wanted} == wanted
    if isinstance(command, Silence):
        assert ms_of(command.until) - ms_of(command.ts) == 7_200_000
    # Sent twice it is the same command, which is obeyed once.
    assert post(page, cookie, ticket=hidden, **fields)[0] == 303
    assert sent.commands[1].id == command.id


def test_what_cannot_be_undone_by_a_click_is_typed(page: Server, sent: Sent) -> None:
    cookie = login(page, "ann")
    for phrase in ({}, {"phrase": "v2"}, {"phrase": "run v3"}):
        code, text, _ = post(page, cookie, ticket=form(page, cookie, "override")[2], **phrase)
        assert (code, "to go on, type: run v2" in text) == (400, True)
    assert sent.commands == []


def test_a_rollback_and_a_kill_by_hand_are_obeyed(tmp_path: Path, sent: Sent) -> None:
    """From the form to the control event: who typed the phrase takes a healthy candidate out, and is named."""
    server = Server(f"chdb://{tmp_path}/clickhouse", "127.0.0.1:0", TOKEN, desk=Desk(TOKEN, sent))
    try:
        server.begin()
        cookie = login(server, "ann")
        for kind, verb in (("rollback", "roll back"), ("kill", "kill")):
            code, text, hidden = form(server, cookie, kind)
            assert (code, f"type <strong>{verb} v2</strong>" in text) == (200, True)
            assert post(server, cookie, ticket=hidden, phrase="run v2")[0] == 400
            assert post(server, cookie, ticket=hidden, phrase=f"{verb} v2")[0] == 303
    finally:
        server.end()
    rollback, kill = sent.commands
    assert rollback == Rollback(id=rollback.id, ts=rollback.ts, by="ann", model="m", version="v2")
    for kind, command in (("rollback", rollback), ("kill", kill)):
        story = Story().settled()
        story.play({"v1": WELL, "v2": (20, 0)}, panes=2)
        story.play({"v1": WELL, "v2": (20, 0)}, said=[command])
        (event,) = [each for each in story.told if each.type == kind]
        assert (event.version, event.barred, "ann" in event.reason) == ("v2", ("v2",), True), event
        assert event.pin == ("v1" if kind == "rollback" else None)
        assert story.phase() == "rolled_back"


def test_others_forms_are_not_taken(page: Server, sent: Sent) -> None:
    ann, bob, nameless = login(page, "ann"), login(page, "bob"), login(page, "")
    hidden = form(page, ann, "ack")[2]
    body, _, signature = hidden.partition(".")
    for cookie, field, site in (
        (bob, hidden, "same-origin"),
        (nameless, hidden, "same-origin"),
        (ann, hidden, "cross-site"),
        (ann, hidden, "same-site"),
        (ann, "", "same-origin"),
        (ann, f"{body}x.{signature}", "same-origin"),
        (ann, sealed(ticket("ack", "m", "v2", "ann"), "another token of others"), "same-origin"),
        (ann, sealed(ticket("rollback", "m", "v2", "ann"), TOKEN), "same-origin"),
    ):
        assert post(page, cookie, site, ticket=field)[0] == 403
    data = urllib.parse.urlencode({"ticket": hidden}).encode()
    assert get(f"{page.address}do", data, cookie=ann)[0] == 403
    assert get(f"{page.address}do", data, cookie=ann, origin="http://evil.example")[0] == 403
    assert get(f"{page.address}do", data)[0] == 303  # To the login.
    assert form(page, nameless, "ack")[0] == 403
    assert form(page, ann, "rollback")[0] == 404
    assert form(page, ann, "pin")[0] == 404
    assert form(page, ann, "kill", about="")[0] == 400
    assert get(f"{page.address}events", b"x", cookie=ann)[0] == 405
    assert sent.commands == []


def test_a_command_that_cannot_be_sent_says_why(page: Server, sent: Sent) -> None:
    cookie = login(page, "ann")
    sent.fault = NotDelivered("kafka:9092", 1, "no broker answers")
    code, text, _ = post(page, cookie, ticket=form(page, cookie, "ack")[2])
    assert (code, "no broker answers" in text) == (503, True)
    sent.fault = None
    assert post(page, cookie, ticket=form(page, cookie, "silence")[2], span="9d")[0] == 400
    assert form(page, cookie, "ack", model="__other__")[0] == 200
    assert post(page, cookie, ticket=form(page, cookie, "ack", model="__other__")[2])[0] == 400


def test_a_proxy_says_who_asks_and_nobody_else(tmp_path: Path, sent: Sent) -> None:
    url = f"chdb://{tmp_path}/clickhouse"
    for network, trusted in (("127.0.0.0/8", True), ("10.0.0.0/8", False)):
        server = Server(url, "127.0.0.1:0", TOKEN, proxies=[network], desk=Desk(TOKEN, sent, KINDS))
        try:
            server.begin()
            asked = f"{server.address}do/ack?model=m&about=e"
            code, text, _ = get(asked, None, **{"x-forwarded-user": "ann"})
            assert (code, "It is said by ann." in text) == ((200, True) if trusted else (403, False))
            for headers in ({}, {"x-forwarded-user": " "}, {"cookie": f"rollguard={session(TOKEN, 'ann')}"}):
                assert get(asked, None, **headers)[0] == 403
            # A supervisor has no name, and knows none.
            assert get(f"{server.address}readyz", None, host="10.0.0.7:8088")[0] == 503
        finally:
            server.end()
    for host, proxies in (("0.0.0.0:0", ["10.0.0.0/8"]), ("127.0.0.1:0", ["proxy.example"])):
        with pytest.raises(NotAllowed):
            Server(url, host, None, proxies=proxies)


def test_a_form_is_good_for_an_hour() -> None:
    made = ticket("kill", "m", "v2", "ann")
    assert opened(sealed(made, TOKEN), TOKEN, "ann", now=made.until - 1) == made
    with pytest.raises(NoTicket, match="hour"):
        opened(sealed(made, TOKEN), TOKEN, "ann", now=made.until)
    broken = "AAA"
    with pytest.raises(NoTicket):
        opened(f"{broken}.{sign(TOKEN, f'form {broken}')}", TOKEN, "ann")


@pytest.mark.parametrize(("relays", "by"), [(True, "ann through the page"), (False, "the page")])
def test_a_key_that_relays_leaves_who_it_was(relays: bool, by: str) -> None:
    key = CommandKey(id="page", name="the page", env="PAGE_KEY", relays=relays)
    believed = Credentials(held={"page": Held(key=key, secret="s" * 16)})
    command = Rollback(id="c", ts=1_760_000_000_000, by="ann", key="page", model="m", version="v2")
    assert believed.attributed(command).by == by
    long = believed.attributed(msgspec.structs.replace(command, by="a" * TEXT_MAX))
    assert long.by.endswith("the page")
    assert len(long.by) <= TEXT_MAX
