"""The id of a recovery store: the same for all processes that share it, and all workers that continue from it."""

import os
import uuid
from pathlib import Path

NAME = ".id"


def store_id(folder: Path) -> str:
    """Return the id of a store; a store without one gets one. OSError."""
    own = folder / f"{NAME}-{uuid.uuid4().hex[:12]}"
    own.write_text(own.name.removeprefix(f"{NAME}-"))
    try:
        os.link(own, folder / NAME)  # One of several processes is first, and its id is complete once visible.
    except FileExistsError:
        pass
    finally:
        own.unlink()
    return (folder / NAME).read_text().strip()
