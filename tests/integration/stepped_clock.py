"""A wall clock that a test can step under a running process, as libfaketime does: the engine sees no other.

It is a few lines of C, built here and loaded before the system's own library (LD_PRELOAD).
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *at) {
  int failed = (int)syscall(SYS_clock_gettime, id, at);
  const char *path = getenv("STEP_FILE");
  if (failed || path == NULL || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return failed;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return failed;
  char text[32];
  long size = read(file, text, sizeof text - 1);
  close(file);
  if (size > 0) {
    text[size] = 0;
    at->tv_sec += atol(text);
  }
  return failed;
}
"""


class SteppedClock:
    """Skips the test where there is no C compiler, except in CI, where it fails."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("cc") is None and os.environ.get("CI") != "true":
            pytest.skip("no C compiler")
        self._file = folder / "step"
        self.step(0)
        (folder / "step.c").write_text(SOURCE)
        library = folder / "step.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, folder / "step.c"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "STEP_FILE": str(self._file)}

    def step(self, seconds: int) -> None:
        """Set the clock so many seconds from the true one."""
        following = self._file.with_suffix(".next")
        following.write_text(str(seconds))
        following.rename(self._file)
