"""Shared by the commands of the long-running workers: their options, and how they run."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from prometheus_client import CollectorRegistry

from flows import logs, policy_files, settings
from flows.cli_errors import interruptible
from flows.options import Options
from operators.connectors.stop import Stop
from operators.metrics import Metrics
from operators.policy.policy import Policy

RecoveryOption = Annotated[
    Path, typer.Option("--recovery", help="The folder of the recovery store; made when missing.")
]
StartOption = Annotated[
    str, typer.Option("--from", help="Where to start partitions that the store does not know: beginning or end.")
]
EpochOption = Annotated[float, typer.Option(min=0.1, help="Seconds between two savings of the state.")]
ListenOption = Annotated[str, typer.Option(help="host:port of /metrics, /livez and /readyz.")]
ProcessOption = Annotated[int, typer.Option("-i", "--process-id", help="Which of --addresses is this process.")]
AddressesOption = Annotated[str, typer.Option("-a", "--addresses", help="host:port of all processes, by ';'.")]


def work(
    run: Callable[[settings.Settings, Policy, Options, Stop, Metrics], None],
    where: settings.Settings,
    policy: Path | None,
    options: Options,
) -> None:
    """Run a worker until it is asked to stop."""
    where = msgspec.structs.replace(where, policy=policy or where.policy)  # Files that it names lie beside it.
    logs.configure(where.log_format, where.log_level or "info")
    stop = Stop()
    with interruptible(stop):
        run(where, policy_files.load_policy(where.policy), options, stop, Metrics(CollectorRegistry()))


def options_of(recovery: Path, start: str, epoch: float, listen: str, process: int, addresses: str) -> Options:
    """Return the options of a worker's command line. BadParameter, with the option, where one makes no sense."""
    if start not in ("beginning", "end"):
        raise typer.BadParameter("must be beginning or end", param_hint="--from")
    host, _, port = listen.rpartition(":")
    if not (host and port.isdecimal() and 0 <= int(port) < 1 << 16):
        raise typer.BadParameter(f"{listen!r}: must be host:port, such as 127.0.0.1:9464", param_hint="--listen")
    named = list(filter(None, addresses.split(";")))
    if not 0 <= process < max(len(named), 1):
        raise typer.BadParameter(
            f"{process}: --addresses names {len(named)}, counted from 0", param_hint="--process-id"
        )
    return Options(
        recovery=recovery,
        start="end" if start == "end" else "beginning",
        epoch_s=epoch,
        listen=listen,
        process=process,
        addresses=tuple(named),
    )
