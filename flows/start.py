"""The command `rollguard`; where only a gateway's packages are installed, it says what is missing."""

import sys

OWN = ("flows", "operators", "gateway")


def main() -> None:
    try:
        from flows.cli import main as run  # noqa: PLC0415  # It needs the packages of the monitor.
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith(OWN):
            raise
        sys.stderr.write(f'rollguard: package {error.name} is missing: pip install "rollguard[monitor]"\n')
        sys.exit(2)
    run()
