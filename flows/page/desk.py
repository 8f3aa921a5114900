"""Commands from the page: forms that say what will happen, sent by users who are known by name.

Off by default. The sender is logged here, named in the command, and reported on the control topic.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from typing import get_args
from urllib.parse import urlencode

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from flows.control import commands
from flows.logs import LOGGER
from flows.page.asked import NAME_MAX, Asked, segment
from flows.page.bodies import form_of
from flows.page.cases import Cases
from flows.page.html import page
from flows.page.tickets import CaseKind, Kind, NoTicket, Ticket, opened, sealed, ticket
from flows.sql import QueryError
from operators.connectors.clickhouse.errors import ClickHouseError
from operators.connectors.kafka.errors import KafkaFailure
from operators.evals.checks import WrongCheck
from operators.policy.errors import PolicyError
from operators.triage.actions import WrongAction
from operators.wire.commands import AnyCommand

KINDS: tuple[Kind, ...] = get_args(Kind)
CASE_KINDS: tuple[CaseKind, ...] = get_args(CaseKind)
STORE_FAULTS = (ClickHouseError, QueryError)
SPANS = ("30m", "2h", "8h", "1d", "7d")  # Choices for a silence.
log = logging.getLogger(LOGGER)


class Desk:
    """Takes the forms of a page; `send` signs a command and stores it where the worker reads; only `kinds` are allowed.

    Without `send` it takes no commands, without `cases` no actions on cases.
    """

    def __init__(
        self,
        token: str,
        send: Callable[[AnyCommand], None] | None,
        kinds: Collection[str] = KINDS,
        cases: Cases | None = None,
    ) -> None:
        self._token = token
        self._send = send
        self._cases = cases
        sent = frozenset(kinds) & frozenset(KINDS) if send is not None else frozenset()
        self.kinds = sent | (frozenset(CASE_KINDS) if cases is not None else frozenset())

    def form(self, request: Request, user: str) -> Response:
        """Show what a command will do, and what must be typed to send it."""
        kind = request.path_params["kind"]
        model, about = request.query_params.get("model", ""), request.query_params.get("about", "")
        fault = self._fault(kind, user) or _unfit(kind, model, about)
        if kind in CASE_KINDS:
            fault = 404, "what is done with a case is on its page"
        if fault is not None:
            return _failed(*fault)
        return self._shown(ticket(kind, model, about, user), 200)

    async def take(self, request: Request, user: str) -> Response:
        """Send the command of a form, and redirect to its outcome."""
        given = await form_of(request)
        try:
            made = self._checked(request, given.get("ticket", ""), user)
        except NoTicket as error:
            return _failed(403, str(error))
        if made.phrase and _typed(given.get("phrase", "")) != _typed(made.phrase):
            return self._shown(made, 400, f"to go on, type: {made.phrase}")
        send = self._send
        if send is None or made.kind in CASE_KINDS:
            return await self._do(made, given)
        try:
            await run_in_threadpool(send, command_of(made, given.get("span", SPANS[0])))
        except commands.WrongCommand as error:
            return self._shown(made, 400, str(error))
        except (KafkaFailure, OSError, PolicyError) as error:
            return self._shown(made, 503, f"it could not be sent: {error}")
        log.info("command from the page", extra={"fields": msgspec.to_builtins(made)})
        return RedirectResponse(f"/command/{made.id}?{urlencode({'model': made.model})}", 303)

    async def case(self, name: str, user: str, why: str = "", code: int = 200) -> Response:
        """Show a case, with its possible actions."""
        fault = self._fault("label", user)
        if fault is not None or self._cases is None:
            return _failed(*(fault or (404, "")))
        try:
            shown = await run_in_threadpool(self._cases.shown, name, user, self._token)
        except WrongAction as error:
            return _failed(404, str(error))
        except STORE_FAULTS as error:
            return _failed(503, f"the store does not answer: {error}")
        text = page("case", asked=Asked(), path="", counted=None, why=why, **shown)
        return Response(text, code, media_type="text/html", headers={"Cache-Control": "no-store"})

    async def _do(self, made: Ticket, given: Mapping[str, str]) -> Response:
        if self._cases is None:
            return _failed(404, f"this page may not say {made.kind}")
        try:
            await run_in_threadpool(self._cases.act, made, given)
        except (WrongAction, WrongCheck) as error:
            return await self.case(made.about, made.user, str(error), 400)
        except STORE_FAULTS as error:
            return await self.case(made.about, made.user, f"it could not be stored: {error}", 503)
        return RedirectResponse(f"/case/{segment(made.about)}", 303)

    def _checked(self, request: Request, text: str, user: str) -> Ticket:
        """Return the ticket of a form. NoTicket."""
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


def _typed(phrase: str) -> str:
    """Return a phrase as browsers show it and people type it: without spaces at its ends, or several in a row."""
    return " ".join(phrase.split())


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
    """Tell whether the browser says that a form comes from this very page; without a word from it, no."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    own = {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}
    # Without referrers a browser names no origin for a form, but says that the form stays on the site.
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
