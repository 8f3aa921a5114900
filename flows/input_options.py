"""Options that several commands share: the policy, the store, files and formats of the input."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from flows import settings
from operators.ingest.formats.format import Stream

PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="The policy, a file or a folder of them; default: the one with rollguard."),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="The folder of an embedded store; default: ROLLGUARD_CLICKHOUSE, else rollguard-data."),
]
FeedbackFiles = Annotated[list[Path] | None, typer.Option("--feedback", help="A file of feedback; repeatable.")]
CommandFiles = Annotated[list[Path] | None, typer.Option("--commands", help="A file of commands; repeatable.")]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="What the messages are: native, otlp or arrow; default: the setting's.")
]
FeedbackFormatOption = Annotated[
    str | None, typer.Option("--feedback-format", help="What those of feedback are; default: the setting's.")
]

Streams = dict[Stream, list[Path]]  # Files by stream.


def streams_of(files: list[Path] | None, feedback: list[Path] | None, commands: list[Path] | None) -> Streams:
    """Return the files of a bounded run by stream."""
    return {"events": files or [], "feedback": feedback or [], "commands": commands or []}


def with_formats(**named: str | None) -> settings.Settings:
    """Return the settings, with the command line's formats in place of their own."""
    given = {name: form for name, form in named.items() if form is not None}
    for name, form in given.items():
        if (fault := settings.format_fault(form)) is not None:
            option = "--feedback-format" if name == "feedback_format" else "--format"
            raise typer.BadParameter(fault, param_hint=option)
    return msgspec.structs.replace(settings.load(), **given)
