"""Where the tests' files lie: in memory where there is room, since they wait for disks most of all.

What is tested cannot tell. The databases ask for the same durability as ever; what a killed process
leaves behind is the page cache in both places, and no test cuts the power.
"""

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
BYTES_MIN = 2 * 1024**3


def scratch() -> Path:
    """A directory for temporary files, whose path is short enough for a socket in it."""
    if not os.access(MEMORY, os.W_OK):
        return Path("/tmp")
    found = os.statvfs(MEMORY)
    free = found.f_bavail * found.f_frsize
    # PostgreSQL may have to run from a copy there.
    return MEMORY if free >= BYTES_MIN and not found.f_flag & os.ST_NOEXEC else Path("/tmp")


def new_directory(prefix: str) -> Path:
    """A new directory there."""
    return Path(tempfile.mkdtemp(prefix=prefix, dir=scratch()))
