"""`rollguard produce`: thin."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from flows import progress, settings
from flows.cli_errors import guarded, interruptible
from operators.connectors.stop import Stop


@guarded
def produce_command(
    files: Annotated[list[Path], typer.Argument(help="Files of events or feedback, .ndjson, .gz or .zst.")],
    topic: Annotated[str | None, typer.Option(help="The topic; default: that of events.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.001, help="Events a second; default: as fast as it goes.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Events a message; more than one are sent as an array.")] = 1,
    key: Annotated[
        Literal["none", "model", "request_id"],
        typer.Option(help="What decides the partition: none (in turn), model or request_id."),
    ] = "none",
    partition: Annotated[int | None, typer.Option(help="Send everything to this partition.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Give each event the time at which it is sent.")] = False,
) -> None:
    """Send files to a topic of Kafka."""
    from flows import produce  # noqa: PLC0415

    where = settings.load()
    given = {"rate": rate, "batch": batch, "key": key, "partition": partition, "now": now}
    options = msgspec.convert(given | {"topic": topic or where.events_topic}, produce.Options)
    stop = Stop()
    for path in files:
        path.open("rb").close()  # A missing file is found before anything is sent.
    with progress.of_files(files) as progressed, interruptible(stop):
        delivered = produce.run(files, where.kafka, options, stop, progressed)
    typer.echo(f"{delivered.events} events in {delivered.messages} messages delivered in {delivered.seconds:.1f} s")
