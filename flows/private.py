"""What rollguard writes is for its own user: files 0600, folders 0700, whatever the mask that it was started with."""

import os

OTHERS = 0o077  # What nobody but the owner may do.


def keep_private() -> None:
    """Keep all files that this process makes from now on from others, also those of engines and libraries.

    The mask is of the process: whoever writes within it need not think of it, and programs that it starts inherit it.
    """
    os.umask(OTHERS)
