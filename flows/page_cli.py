"""`rollguard page`, and the option `--page` of other commands: the page is imported only where it is wanted."""

import importlib.util
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from flows import settings
from flows.cli_errors import fail
from operators.connectors.stop import Stop
from operators.policy.command_keys import RIGHTS
from operators.wire.commands import AnyCommand

if TYPE_CHECKING:
    from flows.page.serve import Server

LOOK_S = 0.1
PageOption = Annotated[
    str | None, typer.Option("--page", help="Serve the live page at this host:port meanwhile, such as 127.0.0.1:8088.")
]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """How a page is served: the `names` it answers to, the `proxies` that name users, how `commands` are sent.

    `cases` is the store's address with a user who may add to cases; `causes` and `evaluators` are the policy's.
    """

    names: Sequence[str] = ()
    proxies: Sequence[str] = ()
    commands: Callable[[AnyCommand], None] | None = None
    kinds: Sequence[str] = RIGHTS
    cases: str | None = None
    causes: Sequence[str] = ()
    evaluators: Sequence[str] = ()


def server_of(
    where: settings.Settings,
    url: str,
    listen: str | None,
    given: Given = Given(),  # noqa: B008  # Frozen.
) -> "Server | None":
    """Return the page of a store, ready to begin; None where none is wanted. OSError; exits where it is not allowed."""
    if listen is None:
        return None
    try:
        from flows.page.cases import Cases  # noqa: PLC0415  # Packages of an extra.
        from flows.page.desk import Desk  # noqa: PLC0415
        from flows.page.security import NotAllowed  # noqa: PLC0415
        from flows.page.serve import Server  # noqa: PLC0415
    except ImportError as error:
        fail(f"{error.name} is missing; install rollguard[page]", 1)
    try:
        desk = None
        if given.commands is not None or given.cases is not None:
            if where.page_token is None:
                raise NotAllowed(
                    "--commands and --cases need ROLLGUARD_PAGE_TOKEN: it says who somebody is, and signs the forms"
                )
            cases = None if given.cases is None else Cases(given.cases, given.causes, given.evaluators)
            desk = Desk(where.page_token, given.commands, given.kinds, cases)
        return Server(url, listen, where.page_token, given.names, given.proxies, desk)
    except NotAllowed as error:
        fail(str(error), 2)
    except ValueError:
        fail(f"--page {listen}: is not host:port", 2)


@contextmanager
def ended(server: "Server | None") -> Iterator[None]:
    """End the page with the context, where there is one."""
    try:
        yield
    finally:
        if server is not None:
            server.end()


@contextmanager
def beside(where: settings.Settings, url: str, listen: str | None) -> Iterator[None]:
    """Serve the page while the context lasts, where it is wanted."""
    server = server_of(where, url, listen)
    with ended(server):
        opener(server)()
        yield


def opener(server: "Server | None") -> Callable[[], None]:
    """Return the function that lets the page answer, for when the store has its tables."""
    return (lambda: None) if server is None else server.begin


def stay(address: str, stop: Stop) -> None:
    """Wait until a stop is requested."""
    typer.echo(f"the page stays at {address}; Ctrl-C ends")
    sys.stdout.flush()
    while not stop.requested:
        time.sleep(LOOK_S)


def print_status(url: str, at: str, console: Console) -> None:
    """Print the first page as text. Exits on a wrong time, or if the store does not answer."""
    from flows.page.asked import WrongAddress, asked_of  # noqa: PLC0415  # They bring the driver of ClickHouse.
    from flows.page.store import NoAnswer, Store  # noqa: PLC0415
    from flows.status import print_status as print_it  # noqa: PLC0415

    store = Store(url)
    try:
        print_it(store, asked_of({}, {"at": at}), console)
    except WrongAddress as error:
        fail(str(error), 2)
    except NoAnswer as error:
        fail(str(error), 1)
    finally:
        store.close()


def is_desk() -> bool:
    """Tell whether a person here can be shown the page in a browser, and the page is installed."""
    if importlib.util.find_spec("starlette") is None:
        return False
    return sys.stdout.isatty() and settings.has_display()


def show(address: str, browser: bool) -> None:
    """Print the page's address, and open it where that is wanted."""
    typer.echo(f"page: {address}")
    sys.stdout.flush()
    if browser:
        webbrowser.open(address)
