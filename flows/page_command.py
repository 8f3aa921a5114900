"""`rollguard page`: thin."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows import command_secrets, page_cli, policy_files, settings, sql
from flows.cli_errors import fail, guarded, interruptible
from flows.control import commands
from flows.control.options import Key
from flows.input_options import DataOption
from flows.page_cli import Given
from operators.connectors.stop import Stop
from operators.policy.command_keys import RIGHTS


@guarded
def page_command(
    data: DataOption = None,
    listen: Annotated[str, typer.Option("--listen", help="host:port of the page.")] = "127.0.0.1:8088",
    name: Annotated[list[str] | None, typer.Option("--name", help="A host name it answers to; repeatable.")] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open it in a browser.")] = False,
    proxied: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy says who asks, in X-Forwarded-User; needs --proxy-from.")
    ] = False,
    proxy: Annotated[
        list[str] | None, typer.Option("--proxy-from", help="The network of the proxy, such as 10.0.0.0/8; repeatable.")
    ] = None,
    command: Annotated[
        bool, typer.Option("--commands", help="Let people who are known by name acknowledge, silence, override, kill.")
    ] = False,
    cases: Annotated[
        bool, typer.Option("--cases", help="Let people who are known by name see, label, dismiss and convert cases.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--commands-file", help="Add commands to this file, not to Kafka."),
    ] = None,
    key: Key = None,
) -> None:
    """Show what is decided, and on what evidence, in a browser: a page that keeps itself up to date."""
    where, stop = settings.load(), Stop()
    if proxied != bool(proxy):
        fail("--behind-proxy and --proxy-from: both, or none; whoever else connects could name anybody", 2)
    if (file is not None or key is not None) and not command:
        fail("--commands-file and --key are for --commands", 2)
    given = Given(names=name or (), proxies=proxy or ())
    if command:
        given = commanding(where, given, file, key)
    url = settings.store(where, data)
    if cases:
        given = with_cases(where, given, url)
    sql.require_store(url)
    server = page_cli.server_of(where, url, listen, given)
    if server is None:
        return
    with page_cli.ended(server), interruptible(stop):
        server.begin()
        page_cli.show(server.address, browser)
        page_cli.stay(server.address, stop)


def commanding(where: settings.Settings, given: Given, file: Path | None, key: str | None) -> Given:
    """Return how to serve a page that sends commands, only those that its key may sign. PolicyError."""
    kinds: Sequence[str] = RIGHTS
    if key is not None:
        policy = policy_files.load_policy(where.policy)
        command_secrets.secret_of(where, policy, key)  # Better to fail now than when a command is needed.
        kinds = next(each.types for each in policy.commands.key if each.id == key)
    return msgspec.structs.replace(
        given, commands=lambda command: commands.send(command, where, file, key), kinds=kinds
    )


def with_cases(where: settings.Settings, given: Given, url: str) -> Given:
    """Return how to serve a page on which people work on a store's cases. PolicyError."""
    policy = policy_files.load_policy(where.policy)
    return msgspec.structs.replace(
        given,
        cases=where.cases_clickhouse or url,
        causes=policy.triage.root_causes,
        evaluators=[each.name for each in policy.evaluators],
    )
