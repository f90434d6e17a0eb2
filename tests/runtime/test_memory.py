"""Memory of a process: what glibc keeps."""

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is meant")
def test_freed_memory_is_kept():
    """A process that lets go of 100 MB over and over faults only the first time."""
    code = """
import resource, sys
import numpy as np
from bio_scnn.runtime.memory import keep_freed_memory
if sys.argv[1] == "yes" and not keep_freed_memory():
    sys.exit("not glibc")
def use():
    for array in [np.ones(750_000, np.float32) for _ in range(32)]:
        array += 1
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = {}
    for wanted in ("no", "yes"):
        done = subprocess.run(
            [sys.executable, "-c", code, wanted], capture_output=True, text=True, check=False
        )
        if "not glibc" in done.stderr:
            pytest.skip("the C library is not glibc")
        faults[wanted] = int(done.stdout)
    if faults["no"] < 1000:
        pytest.skip("huge pages: so few faults that there is nothing to save")
    assert faults["yes"] < 100
