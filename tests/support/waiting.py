"""Other processes: tests that wait for one to start or end."""

import os
import time
from pathlib import Path


def alive(pid):
    """True if a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, seconds=30):
    """Value of a condition as soon as it is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found
