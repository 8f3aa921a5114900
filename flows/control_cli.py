"""`rollguard control`: thin."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from flows import settings
from flows.cli_errors import guarded, interruptible
from flows.control import by_hand, commands, hooks, view
from flows.control import follow_options as given
from flows.control import webhook as webhooks
from flows.control.alertmanager import Alertmanager
from flows.control.delivering import Delivering
from flows.control.follow import Follow, pins
from flows.control.handing import Handing
from flows.control.memory import opened
from flows.control.options import By, CommandFile, Key, Model, send
from flows.control.pagerduty import PagerDuty
from flows.control.services import Service
from flows.control.slack import Slack
from flows.control.template import read as template_in
from flows.plain import plain
from operators.connectors.control.file import FileFollower
from operators.connectors.control.follower import Follower, From
from operators.connectors.control.topic import TopicFollower
from operators.connectors.stop import Stop
from operators.wire.control import ControlEvent, Severity
from operators.wire.sealing import Verifier

app = typer.Typer(no_args_is_help=True, help="Follow what rollguard says, act on it, and tell it something.")
app.command("kill")(by_hand.kill_command)
app.command("rollback")(by_hand.rollback_command)
app.command("pin")(by_hand.pin_command)
app.command("unpin")(by_hand.unpin_command)


@app.command("follow")
@guarded
def follow_command(
    file: given.ControlFile = None,
    start: given.Start = None,
    until_end: given.UntilEnd = False,
    form: given.Form = "text",
    program: given.Program = None,
    webhook: given.Webhook = None,
    alertmanager: given.AlertmanagerUrl = None,
    slack: given.SlackUrl = None,
    pagerduty: given.WithPagerDuty = False,
    severity: given.PagerDutySeverity = "page",
    template: given.Template = None,
    state: given.State = None,
    attempts: given.Attempts = 4,
    timeout: given.Timeout = 30.0,
    strict: given.Strict = False,
) -> None:
    """Print control events as they come; run a program, call a webhook, tell people, once for each."""
    where = settings.load()
    if until_end and file is not None:
        file.stat()  # A file that never appears has no end.
    actions = [] if program is None else [hooks.program(program, timeout)]
    actions += [] if webhook is None else [webhooks.webhook(webhook, where.webhook_key, timeout)]
    services = _services(where, alertmanager, slack, severity if pagerduty else None, template, timeout)
    retry = hooks.Retry(attempts=attempts, timeout_s=timeout)
    begin = start or ("beginning" if until_end else "end")
    stop = Stop()
    with (
        opened(state or (given.STATE if actions or services else None)) as memory,
        _follower(where, file, begin, memory.positions) as follower,
        interruptible(stop),
    ):
        show = _show_json if form == "json" else _show_text
        handing = Handing(actions, retry, memory, strict)
        delivering = Delivering(services, retry, memory, strict)
        Follow(follower, memory, show, handing, delivering, _verifier(where, file)).run(stop, until_end)


@app.command("pins")
@guarded
def pins_command(
    file: given.ControlFile = None,
    form: Annotated[Literal["table", "json"], typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """Print which version each model's traffic must go to now."""
    if file is not None:
        file.stat()  # A missing file means that nothing is known, not that nothing is pinned.
    where = settings.load()
    with _follower(where, file, "beginning", {}) as follower:
        table = pins(follower, _verifier(where, file))
    if table.refused:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(table.refusals.items()))
        typer.echo(f"rollguard: {table.refused} messages are not believed: {reasons}", err=True)
    if form == "json":
        sys.stdout.write(view.pins_json(table.states))
    else:
        view.print_pins(_console(view.WIDTH_MAX), table.states)


@app.command("release")
@guarded
def release_command(
    model: Model,
    candidate: Annotated[str, typer.Option(help="The version that begins to serve.")],
    baseline: Annotated[str, typer.Option(help="The version that it is judged against.")],
    share: Annotated[float | None, typer.Option(help="The candidate's share of traffic, between 0 and 1.")] = None,
    metadata: Annotated[
        Path | None, typer.Option(help='JSON of both, by "candidate" and "baseline": prompt, weights, ...')
    ] = None,
    mirrored: Annotated[
        bool, typer.Option("--mirrored", help="It answers copies of the baseline's requests, and serves nobody.")
    ] = False,
    ring: Annotated[
        list[str] | None, typer.Option("--ring", help="A slice that it serves, such as region=eu; it serves no others.")
    ] = None,
    by: By = None,
    file: CommandFile = None,
    key: Key = None,
) -> None:
    """Say that a candidate begins to serve beside a baseline."""
    command = commands.release(
        model, candidate, baseline, share, metadata, by, mirrored=mirrored, rings=tuple(ring or ())
    )
    send(command, file, key)


@app.command("override")
@guarded
def override_command(
    model: Model,
    version: Annotated[str, typer.Argument(help="The version that may run whatever the rules say.")],
    revoke: Annotated[bool, typer.Option("--revoke", help="End an override.")] = False,
    by: By = None,
    file: CommandFile = None,
    key: Key = None,
) -> None:
    """Let a version run whatever the rules say, until the override is revoked."""
    send(commands.override(model, version, revoke, by), file, key)


@app.command("ack")
@guarded
def ack_command(
    model: Model,
    event: Annotated[str, typer.Argument(help="The id of a control event.")],
    by: By = None,
    file: CommandFile = None,
    key: Key = None,
) -> None:
    """Say that somebody looks after a control event."""
    send(commands.ack(model, event, by), file, key)


@app.command("silence")
@guarded
def silence_command(
    model: Annotated[str | None, typer.Option(help="Alerts of this model.")] = None,
    rule: Annotated[str | None, typer.Option(help="Alerts of this rule.")] = None,
    span: Annotated[str | None, typer.Option("--for", help='For so long, such as "2h".')] = None,
    until: Annotated[str | None, typer.Option(help="Until then, such as 2026-11-21T12:00:00Z.")] = None,
    by: By = None,
    file: CommandFile = None,
    key: Key = None,
) -> None:
    """Mute alerts of a model, of a rule, or of a rule on a model, for 7 days at most; rollbacks are never muted."""
    silence = commands.silence(model, rule, span, until, by)
    if rule is not None and (unknown := commands.unknown_rule(settings.load(), rule)):
        typer.echo(f"rollguard: note: {plain(unknown)}; sent all the same", err=True)
    send(silence, file, key)


@app.command("unsilence")
@guarded
def unsilence_command(
    model: Annotated[str | None, typer.Option(help="As the silence had it.")] = None,
    rule: Annotated[str | None, typer.Option(help="As the silence had it.")] = None,
    by: By = None,
    file: CommandFile = None,
    key: Key = None,
) -> None:
    """End the silence of a model, of a rule, or of a rule on a model."""
    send(commands.unsilence(model, rule, by), file, key)


def _services(
    where: settings.Settings,
    alertmanager: str | None,
    slack: str | None,
    pagerduty: Severity | None,
    template: Path | None,
    timeout: float,
) -> list[Service]:
    text = None if template is None else template_in(template)
    services: list[Service] = []
    if alertmanager is not None:
        services.append(Alertmanager(alertmanager, text, timeout, lambda: datetime.now(UTC)))
    if slack is not None:
        services.append(Slack((where.slack_url or "") if slack == "-" else slack, text, timeout))
    if pagerduty is not None:
        services.append(PagerDuty(where.pagerduty_url, where.pagerduty_key, pagerduty, text, timeout))
    if text is not None and not services:
        raise commands.WrongCommand("--template: is for --alertmanager, --slack and --pagerduty, and none is given")
    return services


@contextmanager
def _follower(
    where: settings.Settings, file: Path | None, start: From, positions: dict[str, int]
) -> Iterator[Follower]:
    follower: Follower
    if file is None:
        follower = TopicFollower(where.kafka, where.control_topic, start, positions)
    else:
        follower = FileFollower(file, start, positions)
    try:
        yield follower
    finally:
        follower.close()


def _verifier(where: settings.Settings, file: Path | None) -> Verifier:
    """Return the verifier of events. A file's times need not be near our clock: it may be that of a replay."""
    return Verifier(where.control_keys, None if file is not None else lambda: int(time.time() * 1000))


def _console(width: int | None = None) -> Console:
    return Console(highlight=False, markup=False, emoji=False, width=width)


def _show_text(body: bytes, event: ControlEvent, note: str) -> None:
    view.print_event(_console(), event, note)


def _show_json(body: bytes, event: ControlEvent, note: str) -> None:
    sys.stdout.write(view.as_line(body))
    sys.stdout.flush()
