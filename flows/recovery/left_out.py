"""Topics that are left out though a recovery store has state of them: a file beside its parts."""

import os
from collections.abc import Collection
from pathlib import Path

import msgspec

from flows.recovery.parts import WAY_OUT, StoreUnusable

FILE = "left-out.json"


def noted(folder: Path) -> set[str]:
    """Return the topics that were left out at the last start. StoreUnusable."""
    path = folder / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=set[str])
    except FileNotFoundError:
        return set()
    except (OSError, msgspec.DecodeError) as error:
        raise StoreUnusable(f"{path}: cannot be read ({error}); {WAY_OUT}") from error


def note(folder: Path, topics: Collection[str]) -> None:
    """Replace the file atomically: each of several processes writes the same."""
    own = folder / f"{FILE}-{os.getpid()}"
    own.write_bytes(msgspec.json.encode(sorted(topics)))
    os.replace(own, folder / FILE)
