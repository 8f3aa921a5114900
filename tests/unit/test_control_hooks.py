"""Webhooks against a real server on loopback: what it is sent, and what is done when it does not answer well."""

import hashlib
import hmac
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from flows import cli
from flows.control.hooks import HookFailed, Retry, persist, variables
from flows.control.webhook import webhook
from operators.connectors.stop import Stop
from operators.wire.control import ControlEvent
from tests.control_samples import event, line
from tests.receiving import Receiver, receiving

KEY = "a key of sixteen characters or more"
BODY = line(event(1)).strip()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


def quick(attempts: int = 1) -> Retry:
    return Retry(attempts=attempts, wait_s=0.0)


def test_a_webhook_gets_the_event_as_it_came_and_can_check_who_sent_it(receiver: Receiver) -> None:
    assert persist(webhook(receiver.url, KEY, 5.0), BODY, event(1), quick(), Stop())
    ((method, headers, body),) = receiver.taken
    assert (method, body) == ("POST", BODY)
    assert headers["X-Rollguard-Signature"] == f"sha256={hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()}"
    assert (headers["X-Rollguard-Event"], headers["Content-Type"]) == ("e1", "application/json")


def test_without_a_key_there_is_no_signature(receiver: Receiver) -> None:
    persist(webhook(receiver.url, None, 5.0), BODY, event(1), quick(), Stop())
    assert "X-Rollguard-Signature" not in receiver.taken[0][1]


def test_a_webhook_is_called_again_until_it_takes_the_event(receiver: Receiver) -> None:
    receiver.codes = [500, 429]
    assert persist(webhook(receiver.url, None, 5.0), BODY, event(1), quick(3), Stop())
    assert [body for _, _, body in receiver.taken] == [BODY] * 3


@pytest.mark.parametrize("code", [301, 302, 307, 404, 503])
def test_any_answer_but_success_is_a_failure(receiver: Receiver, code: int) -> None:
    """A redirected POST would arrive as a GET without the event."""
    receiver.codes = [code, code]
    with pytest.raises(
        HookFailed, match=rf"event e1: 2 attempts, the last one: http://127.*: answered {code}"
    ) as caught:
        persist(webhook(receiver.url, None, 5.0), BODY, event(1), quick(2), Stop())
    assert "secret" not in str(caught.value)
    assert len(receiver.taken) == 2


def test_one_that_does_not_answer_in_time_has_failed(receiver: Receiver) -> None:
    receiver.wait_s = 0.5
    with pytest.raises(HookFailed, match="timed out"):
        persist(webhook(receiver.url, None, 0.1), BODY, event(1), quick(), Stop())


def test_nobody_there_is_a_failure(receiver: Receiver) -> None:
    url = receiver.url.replace(str(receiver.server_port), "1")
    with pytest.raises(HookFailed, match="refused"):
        persist(webhook(url, None, 1.0), BODY, event(1), quick(), Stop())


def test_an_odd_id_is_no_further_header(receiver: Receiver) -> None:
    assert persist(webhook(receiver.url, None, 5.0), BODY, event(1, id="ä\r\nX-Other: 1"), quick(), Stop())
    assert "X-Other" not in receiver.taken[0][1]


def test_waits_grow_and_end_when_somebody_asks_to_stop() -> None:
    stop = Stop()
    calls = []

    def fail(body: bytes, event: ControlEvent) -> None:
        calls.append(time.monotonic())
        if len(calls) == 3:
            stop.request()
        raise HookFailed("no")

    assert not persist(fail, BODY, event(1), Retry(attempts=9, wait_s=0.05), stop)
    assert len(calls) == 3
    assert calls[1] - calls[0] >= 0.05
    assert calls[2] - calls[1] >= 0.1


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"wait_s": -1.0}, {"timeout_s": 0.0}])
def test_wrong_retries_are_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Retry(**wrong)  # type: ignore[arg-type]


def test_a_webhook_is_called_once_per_event_over_restarts(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROLLGUARD_WEBHOOK_KEY", KEY)
    (tmp_path / "control.ndjson").write_bytes(line(event(1)) + line(event(2)) + line(event(3)))
    words = [
        "control",
        "follow",
        "--file",
        "control.ndjson",
        "--until-end",
        "--strict",
        "--attempts",
        "1",
        "--webhook",
        receiver.url,
    ]
    receiver.codes = [200, 500]
    result = CliRunner().invoke(cli.app, words)
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "event e2: http://127.0.0.1" in result.stderr
    for _ in range(2):
        assert CliRunner().invoke(cli.app, words).exit_code == 0
    assert [headers["X-Rollguard-Event"] for _, headers, _ in receiver.taken] == ["e1", "e2", "e2", "e3"]
    assert all("X-Rollguard-Signature" in headers for _, headers, _ in receiver.taken)


def test_a_program_is_told_the_weights_however_many_there_are() -> None:
    many = {f"version-{number}-of-a-model-with-a-long-name": 0.0 for number in range(100)}
    for weights in ({"v2": 0.05}, many):
        assert msgspec.json.decode(variables(event(1, weights=weights))["ROLLGUARD_EVENT_WEIGHTS"]) == weights
