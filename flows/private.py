"""Keeps rollguard's files for its own user: files 0600, folders 0700, whatever mask it was started with."""

import os

OTHERS = 0o077  # Rights of the owner alone.


def keep_private() -> None:
    """Make all files that this process creates from now on private, also those of engines and libraries.

    The mask belongs to the process: no code within it need think of it, and programs that it starts inherit it.
    """
    os.umask(OTHERS)
