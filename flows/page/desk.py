"""Commands from the page: a form that says what will happen, and its sending, by people whose name is known.

Off unless asked for. Whoever sends one is logged here, named in the command, and told of on the control topic.
"""

import logging
from collections.abc import Callable, Collection
from typing import get_args
from urllib.parse import urlencode

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from flows.control import commands
from flows.logs import LOGGER
from flows.page.asked import NAME_MAX, Asked
from flows.page.bodies import form_of
from flows.page.html import page
from flows.page.tickets import Kind, NoTicket, Ticket, opened, sealed, ticket
from operators.connectors.kafka.errors import KafkaFailure
from operators.policy.errors import PolicyError
from operators.wire.commands import AnyCommand

KINDS: tuple[Kind, ...] = get_args(Kind)
SPANS = ("30m", "2h", "8h", "1d", "7d")  # Of a silence.
log = logging.getLogger(LOGGER)


class Desk:
    """Takes the forms of a page; `send` signs a command and stores it where the worker reads; it says but `kinds`."""

    def __init__(self, token: str, send: Callable[[AnyCommand], None], kinds: Collection[str] = KINDS) -> None:
        self._token = token
        self._send = send
        self.kinds = frozenset(kinds) & frozenset(KINDS)

    def form(self, request: Request, user: str) -> Response:
        """Show what a command will do, and what has to be typed."""
        kind = request.path_params["kind"]
        model, about = request.query_params.get("model", ""), request.query_params.get("about", "")
        fault = self._fault(kind, user) or _unfit(kind, model, about)
        if fault is not None:
            return _failed(*fault)
        return self._shown(ticket(kind, model, about, user), 200)

    async def take(self, request: Request, user: str) -> Response:
        """Send the command of a form, and lead to what became of it."""
        given = await form_of(request)
        try:
            made = self._checked(request, given.get("ticket", ""), user)
        except NoTicket as error:
            return _failed(403, str(error))
        if made.phrase and given.get("phrase", "").strip() != made.phrase:
            return self._shown(made, 400, f"to go on, type: {made.phrase}")
        try:
            await run_in_threadpool(self._send, command_of(made, given.get("span", SPANS[0])))
        except commands.WrongCommand as error:
            return self._shown(made, 400, str(error))
        except (KafkaFailure, OSError, PolicyError) as error:
            return self._shown(made, 503, f"it could not be sent: {error}")
        log.info("command from the page", extra={"fields": msgspec.to_builtins(made)})
        return RedirectResponse(f"/command/{made.id}?{urlencode({'model': made.model})}", 303)

    def _checked(self, request: Request, text: str, user: str) -> Ticket:
        """Return what a form was made for. NoTicket."""
        if not is_of_this_site(request):
            raise NoTicket("a command comes from a form of this page alone")
        made = opened(text, self._token, user)
        fault = self._fault(made.kind, user)
        if fault is not None:
            raise NoTicket(fault[1])
        return made

    def _fault(self, kind: str, user: str) -> tuple[int, str] | None:
        if kind not in self.kinds:
            return 404, f"this page may not say {kind}"
        if not user:
            return 403, "a command is said by somebody: log in with your name"
        return None

    def _shown(self, made: Ticket, code: int, why: str = "") -> Response:
        hidden = sealed(made, self._token)
        shown = {"ticket": made, "hidden": hidden, "why": why, "spans": SPANS, "counted": None}
        text = page("command_form", asked=Asked(), path="", **shown)
        return Response(text, code, media_type="text/html", headers={"Cache-Control": "no-store"})


def command_of(made: Ticket, span: str) -> AnyCommand:
    """Return the command of a form. WrongCommand."""
    model, about, user = made.model, made.about, made.user
    if made.kind == "ack":
        command = commands.ack(model, about, user)
    elif made.kind == "silence":
        if span not in SPANS:
            raise commands.WrongCommand(f"{span!r} is none of {', '.join(SPANS)}")
        command = commands.silence(model, about or None, span, None, user)
    elif made.kind == "override":
        command = commands.override(model, about, False, user)
    elif made.kind == "kill":
        command = commands.kill(model, about, user)
    else:
        command = commands.rollback(model, about, None, user)
    return msgspec.structs.replace(command, id=made.id)


def is_of_this_site(request: Request) -> bool:
    """Tell whether a browser says that a form comes from this very page; one that says nothing is not believed."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}
    # Without referrers a browser names no origin in a form, but says that it stays on the site.
    return origin in own if site is None else site == "same-origin" and origin in {*own, "null", None}


def _unfit(kind: str, model: str, about: str) -> tuple[int, str] | None:
    if not model or len(model) > NAME_MAX or len(about) > NAME_MAX:
        return 400, "of which model?"
    if not about and kind != "silence":
        return 400, "about what?"
    return None


def _failed(code: int, why: str) -> Response:
    text = page("failed", asked=Asked(), path="", title="command", why=why, code=code, counted=None)
    return Response(text, code, media_type="text/html")
