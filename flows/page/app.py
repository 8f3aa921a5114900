"""The page as an ASGI application: addresses to views, views to HTML or JSON, and updates as server-sent events."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import msgspec
from jinja2 import TemplateNotFound
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from flows.page.access import NOBODY, USER_MAX, Access
from flows.page.asked import Asked, WrongAddress, asked_of
from flows.page.bodies import form_of
from flows.page.desk import Desk
from flows.page.html import page, static, static_hash
from flows.page.live import Answers, Live
from flows.page.security import COOKIE, HEADERS, is_token, session
from flows.page.store import NoAnswer, Row, Store
from flows.page.views import lists
from flows.page.views.drift import drift
from flows.page.views.model import model
from flows.page.views.overview import overview
from flows.page.views.release import Unknown, release
from flows.page.views.request import request as request_view
from flows.page.views.scores import scores

View = Callable[[Store, Asked], Row]
# Path, name of the template, and its view.
PAGES: tuple[tuple[str, str, View], ...] = (
    ("/", "overview", overview),
    ("/m/{model}", "model", model),
    ("/m/{model}/r/{version}", "release", release),
    ("/m/{model}/drift", "drift", drift),
    ("/m/{model}/scores", "scores", scores),
    ("/events", "events", lists.events),
    ("/alerts", "alerts", lists.alerts),
    ("/triage", "triage", lists.triage),
    ("/health", "health", lists.health),
    ("/policy", "policies", lists.policies),
    ("/policy/{model}", "policy", lambda store, asked: lists.policy(store, asked, asked.model)),
    ("/command/{model}", "command", lambda store, asked: lists.command(store, asked, asked.model)),
    ("/runbook/{id}", "runbook", lambda _, asked: lists.runbook(asked.id)),
    ("/request/{id}", "request", lambda store, asked: request_view(store, asked.id, asked.model)),
)
WITH_LINES = frozenset({"model", "release", "drift", "scores"})
WAIT_S = 0.25
COMMENT_S = 15.0
RETRY_MS = 1_000  # After this a browser reopens a stream that was cut.
CONNECTIONS_MAX = 64  # Streams at one time; further browsers are told to come back.


class Page:
    """The application `app` over a store; `access` says who may look, and who may command at the `desk`, if any."""

    def __init__(self, url: str, access: Access, desk: Desk | None = None) -> None:
        self.store = Store(url)
        self.live = Live(self.store)
        self.answers = Answers()
        self._access = access
        self._desk = desk
        self._open = 0
        self._ending = False
        routes = [
            Route(
                path if form == "html" else "/index.json" if path == "/" else f"{path}.json",
                self._route(name, view, form),
            )
            for path, name, view in PAGES
            for form in ("json", "html")
        ]
        self.app = Starlette(
            routes=[
                *routes,
                Route("/live", self._events),
                Route("/login", self._login, methods=["GET", "POST"]),
                Route("/case/{name}", self._case),
                Route("/do/{kind}", self._form),
                Route("/do", self._command, methods=["POST"]),
                Route("/static/{hash}/{name}", self._static),
                Route("/livez", lambda _: PlainTextResponse("alive\n")),
                Route("/readyz", self._ready),
            ],
            middleware=[Middleware(GZipMiddleware, minimum_size=1_000)],
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Check each request, and add the security headers to each answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                more = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [
                    *message["headers"],
                    *((name, value) for name, value in more if name not in known),
                ]
            await send(message)

        refused = self._refusal(Request(scope))
        await (refused or self.app)(scope, receive, guarded)

    def end(self) -> None:
        """End the streams to browsers, so that the server can end."""
        self._ending = True

    def _refusal(self, request: Request) -> Response | None:
        posts = {"/login"} | ({"/do"} if self._desk is not None else set())
        if request.method not in ("GET", "HEAD") and request.url.path not in posts:
            return PlainTextResponse("read-only\n", 405)
        return self._access.refusal(request)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await run_in_threadpool(self.live.start)
        try:
            yield
        finally:
            await run_in_threadpool(self.live.stop)
            self.store.close()

    def _route(self, name: str, view: View, form: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            key = f"{form} {request.url.path}?{request.url.query}"
            number = self.live.number
            try:
                asked = asked_of(request.path_params, request.query_params)
                if asked.has_range and name not in WITH_LINES:
                    raise WrongAddress("from, to and since: this page draws no lines")
                body = await run_in_threadpool(
                    self.answers.get, key, number, lambda: self._made(name, view, form, asked, request)
                )
            except WrongAddress as error:
                return self._failed(name, 400, str(error))
            except Unknown as error:
                return self._failed(name, 404, str(error))
            except NoAnswer as error:
                return self._failed(name, 503, f"the store does not answer: {error}")
            return _with_tag(request, body, "application/json" if form == "json" else "text/html; charset=utf-8")

        return answer

    def _made(self, name: str, view: View, form: str, asked: Asked, request: Request) -> bytes:
        shown = view(self.store, asked)
        if form == "json":
            return msgspec.json.encode(shown, enc_hook=str)
        # Commands make sense for the present, not for a past moment.
        may = self._desk.kinds if self._desk is not None and asked.is_now else frozenset()
        return page(name, asked=asked, path=request.url.path, may=may, **shown).encode()

    def _failed(self, name: str, code: int, why: str) -> Response:
        text = page("failed", asked=Asked(), path="/", title=name, why=why, code=code, counted=None)
        return Response(text, code, media_type="text/html")

    async def _events(self, request: Request) -> Response:
        if self._open >= CONNECTIONS_MAX:
            return PlainTextResponse("too many look at once\n", 503, {"Retry-After": "10"})
        return StreamingResponse(
            self._stream(request), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    async def _stream(self, request: Request) -> AsyncIterator[str]:
        """Send the number of each update, and now and then nothing, so that both ends know of each other."""
        self._open += 1
        sent, waited = -1, 0.0
        try:
            yield f"retry: {RETRY_MS}\n\n"
            while not self._ending and not await request.is_disconnected():
                number = self.live.number
                if number != sent:
                    sent, waited = number, 0.0
                    yield f"id: {number}\nevent: counted\ndata: {json.dumps({'number': number})}\n\n"
                elif waited >= COMMENT_S:
                    waited = 0.0
                    yield ": here\n\n"
                await asyncio.sleep(WAIT_S)
                waited += WAIT_S
        finally:
            self._open -= 1

    async def _form(self, request: Request) -> Response:
        if self._desk is None:
            return self._failed("command", 404, "this page takes no commands")
        return self._desk.form(request, self._access.user(request) or NOBODY)

    async def _command(self, request: Request) -> Response:
        if self._desk is None:
            return self._failed("command", 404, "this page takes no commands")
        answer = await self._desk.take(request, self._access.user(request) or NOBODY)
        await run_in_threadpool(self.live.look)  # Shows the change of a case at once.
        return answer

    async def _case(self, request: Request) -> Response:
        if self._desk is None:
            return self._failed("case", 404, "this page does nothing with cases")
        return await self._desk.case(unquote(request.path_params["name"]), self._access.user(request) or NOBODY)

    async def _login(self, request: Request) -> Response:
        token = self._access.token
        if token is None or self._access.proxies:
            return RedirectResponse("/", 303)
        why = ""
        if request.method == "POST":
            given = await form_of(request)
            if is_token(token, given.get("token", "")):
                user = given.get("user", "").strip()[:USER_MAX]
                answer = RedirectResponse("/", 303)
                # A forged header only makes the cookie stricter.
                secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto"))
                answer.set_cookie(
                    COOKIE, session(token, user), httponly=True, samesite="strict", secure=secure, max_age=12 * 3_600
                )
                return answer
            why = "that is not the token"
        shown = {"asked": Asked(), "path": "", "counted": None, "why": why, "names": self._desk is not None}
        return Response(page("login", **shown), 403 if why else 200, media_type="text/html")

    async def _static(self, request: Request) -> Response:
        try:
            body, kind = static(request.path_params["name"])
        except TemplateNotFound:
            return PlainTextResponse("no such file\n", 404)
        kept = "public, max-age=31536000, immutable" if request.path_params["hash"] == static_hash() else "no-cache"
        return Response(body, media_type=kind, headers={"Cache-Control": kept})

    async def _ready(self, _: Request) -> Response:
        why = self.live.why
        return PlainTextResponse("ready\n" if why is None else f"{why}\n", 200 if why is None else 503)


def _with_tag(request: Request, body: bytes, kind: str) -> Response:
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=kind, headers=headers)
