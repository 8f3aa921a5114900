"""A real browser for tests of the page, and servers of the page, in this process or in their own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from flows.page.serve import Server
from tests.programs import program

ROOT = Path(__file__).parents[1]
WAIT_S = 300.0  # Nothing takes so long, except on a machine with ten times the load it can carry.


@contextmanager
def browsing() -> Iterator[Browser]:
    """Chromium. Where it is missing the test is skipped; in CI it fails, unless it cannot be installed there."""
    path = program("chromium")
    with sync_playwright() as playwright:
        # Its sandbox needs rights that a container may not have; it opens only our own page.
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments, timeout=1_000 * WAIT_S)
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page of a browser, with its errors and the addresses it asked for."""

    def __init__(self, browser: Browser, **options: Any) -> None:
        self.page: Page = browser.new_page(**options)
        self.page.set_default_timeout(1_000 * WAIT_S)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.requests: list[str] = []
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        self.requests.append(url)
        self.hosts.add(re.sub(r"^\w+://|[:/].*$", "", url))


def violations(page: Page) -> list[str]:
    """The rules of WCAG 2.2 AA and good practice that a page breaks, as axe finds them."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found: dict[str, Any] = page.evaluate("axe.run()")
    return [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:3]]}"
        for each in found["violations"]
    ]


@contextmanager
def served(url: str) -> Iterator[Server]:
    """The page of a store, from a server in this process."""
    server = Server(url, "127.0.0.1:0")
    try:
        server.begin()
        yield server
    finally:
        server.end()


@contextmanager
def serving(*arguments: str | Path, cwd: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A rollguard that serves the page, and its address."""
    command = [str(Path(sys.executable).with_name("rollguard")), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("page: "), line
        yield line.removeprefix("page: ").strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=WAIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
