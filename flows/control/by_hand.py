"""`rollguard control kill|rollback|pin|unpin`: thin."""

from typing import Annotated

import typer

from flows.cli_errors import guarded
from flows.control import commands
from flows.control.options import By, CommandFile, Key, Model, send

Version = Annotated[str, typer.Argument(help="The version.")]


@guarded
def kill_command(model: Model, version: Version, by: By = None, file: CommandFile = None, key: Key = None) -> None:
    """Take a version out: no traffic, until it is released again or overridden."""
    send(commands.kill(model, version, by), file, key)


@guarded
def rollback_command(
    model: Model,
    version: Version,
    to: Annotated[
        str | None, typer.Option(help="Where all traffic goes; default: the baseline, or what the policy names.")
    ] = None,
    by: By = None,
    file: CommandFile = None,
    key: Key = None,
) -> None:
    """Take a version out, and send all traffic to another one."""
    send(commands.rollback(model, version, to, by), file, key)


@guarded
def pin_command(model: Model, version: Version, by: By = None, file: CommandFile = None, key: Key = None) -> None:
    """Send all traffic to a version, until `unpin`, a release or another pin."""
    send(commands.pin(model, version, by), file, key)


@guarded
def unpin_command(model: Model, by: By = None, file: CommandFile = None, key: Key = None) -> None:
    """Let traffic go to all versions of a model but the withdrawn."""
    send(commands.unpin(model, by), file, key)
