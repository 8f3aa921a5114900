"""What was freed is not kept."""

import subprocess
import sys

FREED = """
from operators.connectors.clickhouse.heap import return_memory

def resident_mb() -> int:
    return int(open("/proc/self/status").read().partition("VmRSS:")[2].split()[0]) >> 10

kept = [bytes(1_000) for _ in range(200_000)]
last = bytes(1_000)
before = resident_mb()
del kept
return_memory()
print(before - resident_mb(), len(last))
"""


def test_memory_below_what_is_in_use_goes_back_to_the_system() -> None:
    """200 MB of it; what comes last keeps it where nobody asks for it."""
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[0]) > 150
