"""What those commands of `rollguard control` have in common that send a command."""

from pathlib import Path
from typing import Annotated

import typer

from flows import settings
from flows.control import commands
from operators.wire.commands import AnyCommand

Model = Annotated[str, typer.Argument(help="The model.")]
By = Annotated[str | None, typer.Option("--by", help="Who says it; default: user@host.")]
CommandFile = Annotated[
    Path | None, typer.Option("--file", help="Add it to this file of commands, instead of sending it to Kafka.")
]
Key = Annotated[
    str | None,
    typer.Option("--key", help="The id of the policy's key to sign it with; default: ROLLGUARD_COMMAND_KEY."),
]


def send(command: AnyCommand, file: Path | None, key: str | None) -> None:
    """Send a command, or add it to a file, and print its id."""
    commands.send(command, settings.load(), file, key)
    typer.echo(command.id)
