"""How this very program is called, for lines that people copy."""

import shlex
import shutil
import sys
from pathlib import Path

NAME = "rollguard"


def called(argv: list[str] = sys.argv) -> str:
    """Return the command of the running rollguard: its name where the shell would find it so, else its path.

    >>> called(["/somewhere else/bin/rollguard"])
    "'/somewhere else/bin/rollguard'"
    """
    place = Path(argv[0])
    found = shutil.which(NAME)
    if place.name != NAME or (found is not None and Path(found).resolve() == place.resolve()):
        return NAME
    return shlex.quote(argv[0])
