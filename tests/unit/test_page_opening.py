"""The demo opens its page where somebody sits before a screen, and nowhere else."""

import importlib.util
import io
import os
import pty
import signal
import subprocess
import sys
import time
import webbrowser
from pathlib import Path

import pytest

from flows import page_cli
from tests.page_browser import ROOT

WAIT_S = 300


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stdout", "environment", "expected"),
    [
        (Terminal, {"DISPLAY": ":0"}, True),
        (Terminal, {"WAYLAND_DISPLAY": "wayland-0"}, True),
        (Terminal, {"DISPLAY": ""}, False),
        (Terminal, {}, False),
        (io.StringIO, {"DISPLAY": ":0"}, False),
    ],
)
def test_somebody_sits_here_where_a_terminal_and_a_screen_are(
    stdout: type[io.StringIO], environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", stdout())
    assert page_cli.is_desk() is (expected and importlib.util.find_spec("starlette") is not None)


def test_nobody_is_shown_a_page_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert page_cli.is_desk() is False


@pytest.mark.parametrize("browser", [True, False])
def test_the_address_is_said_before_a_browser_opens_it(
    browser: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[tuple[str, str]] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append((url, capsys.readouterr().out)))
    page_cli.show("http://127.0.0.1:8088/", browser)
    assert opened == ([("http://127.0.0.1:8088/", "page: http://127.0.0.1:8088/\n")] if browser else [])


def test_a_demo_in_a_terminal_with_a_screen_opens_its_page(tmp_path: Path) -> None:
    """The browser is a program that writes down what it is to open."""
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.part && mv {opened}.part {opened}\n')
    browser.chmod(0o755)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("rollguard")), "demo", "--data", str(tmp_path / "data")],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DISPLAY": ":0", "BROWSER": str(browser)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        said = b""
        while b"\n" not in said:
            said += os.read(ours, 1_000)
        end = time.monotonic() + WAIT_S
        while not opened.exists() and time.monotonic() < end:
            time.sleep(0.05)
        first = said.decode().splitlines()[0]
        assert first.startswith("page: http://127.0.0.1:")
        assert opened.read_text().strip() == first.removeprefix("page: ")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(WAIT_S)
        os.close(ours)
