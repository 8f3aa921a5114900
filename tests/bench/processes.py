"""Two processes against one, over the same four files: what a second core brings.

Started by itself with the number of a process, the addresses of all (or `-`) and the files, it is one process.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from bytewax.run import cli_main

from flows import monitor, policy_files, settings
from operators.connectors.stop import Stop
from operators.sources.input import InputWatch
from operators.sources.monitor import MonitorSource
from tests.bench.flows import Discard, file_input
from tests.integration.ports import free_ports

EPOCH_S = 1.0


def seconds(paths: Sequence[Path], processes: int) -> float:
    """Return the wall time from the first read to the end of the slowest process."""
    addresses = ";".join(f"127.0.0.1:{port}" for port in free_ports(processes)) if processes > 1 else "-"
    command = [sys.executable, "-m", "tests.bench.processes"]
    started = [
        subprocess.Popen([*command, str(number), addresses, *map(str, paths)], stdout=subprocess.PIPE, text=True)
        for number in range(processes)
    ]
    # The engine writes there, too, while it waits for the others.
    return max(float(process.communicate()[0].splitlines()[-1]) for process in started)


def _run(number: int, addresses: str, paths: Sequence[Path]) -> None:
    policy = policy_files.load_policy(settings.Settings().policy)
    inputs = [file_input(path, policy) for path in paths]
    several = addresses != "-"
    source = MonitorSource(inputs, policy, stop=Stop(), watch=InputWatch(), epoch_s=EPOCH_S if several else 0.0)
    flow = monitor.build(policy, source, Discard(), Discard(), Discard())
    began = time.perf_counter()
    cli_main(  # type: ignore[no-untyped-call]
        flow,
        process_id=number if several else None,
        addresses=addresses.split(";") if several else None,
        epoch_interval=timedelta(seconds=EPOCH_S),
    )
    print(time.perf_counter() - began)


if __name__ == "__main__":
    _run(int(sys.argv[1]), sys.argv[2], [Path(path) for path in sys.argv[3:]])
