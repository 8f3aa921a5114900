"""A store with requests and feedback as archive and monitor write them, and a way to run `rollguard` on it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from flows import cli
from operators.archive.log import RequestLog
from operators.connectors.clickhouse.inserter import Inserter
from operators.connectors.clickhouse.refused import Poison
from operators.policy.policy import Policy
from operators.policy_file.toml import parse
from operators.pseudonyms import Pseudonyms
from operators.rows.items import feedback_rows
from operators.wire.events import Feedback
from tests.conftest import Embedded
from tests.dataflows.making import POLICY, received

Item = dict[str, Any]
START_MS = 1_760_000_000_000
POLICY_TEXT = POLICY.replace("[time]", "[time]\noutliers = 0") + '[triage]\nerrors = ["timeout"]\nflags = ["refused"]\n'


def policy(text: str = POLICY_TEXT) -> Policy:
    return parse(text)


def _fail(poison: Poison) -> None:
    raise AssertionError(poison)


def add(store: Embedded, rules: Policy, events: Sequence[Item] = (), feedback: Sequence[Item] = ()) -> None:
    """Store new items."""
    inserter = Inserter(store.client, _fail)
    log = RequestLog("events/0", rules, Pseudonyms("0123456789abcdef"))
    if events:
        newest = max(event["ts"] for event in events)
        messages = received([json.dumps(event).encode() for event in events], received_ms=newest)
        for rows in log.take(messages).rows:
            inserter.add(rows)
    items = [Feedback(**item) for item in feedback]
    if items:
        inserter.add(feedback_rows(items, rules))
    inserter.flush()


def event(request_id: str, version: str, asked: str, answered: str, at_s: float = 0, **more: Any) -> Item:
    body = {"model": "shop", "slices": {"region": "eu", "segment": "pro"}, "ts": START_MS + int(at_s * 1000)}
    return {**body, "request_id": request_id, "version": version, "input": asked, "output": answered, **more}


def on(event: Item, kind: str, value: Any, after_s: float = 60, **more: Any) -> Item:
    """Return feedback on an event."""
    context = {name: event[name] for name in ("model", "version", "slices", "request_id")}
    ts = event["ts"] + int(after_s * 1000)
    return {**context, "kind": kind, "value": value, "ts": ts, "request_ts": event["ts"], **more}


def rollguard(*words: str | Path) -> str:
    """Run a command that succeeds; return what it printed."""
    result = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.stdout
