"""The id of a recovery store: the same for all processes that share it, and for every worker that goes on from it."""

import os
import uuid
from pathlib import Path

NAME = ".id"


def store_id(folder: Path) -> str:
    """Return the id of a store, which is given one if it has none. OSError."""
    own = folder / f"{NAME}-{uuid.uuid4().hex[:12]}"
    own.write_text(own.name.removeprefix(f"{NAME}-"))
    try:
        os.link(own, folder / NAME)  # Of several processes one is first, and its id is whole when it is seen.
    except FileExistsError:
        pass
    finally:
        own.unlink()
    return (folder / NAME).read_text().strip()
