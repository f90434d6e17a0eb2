"""A Dask scheduler and workers as people start them: processes of the command line."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

SUPPORT = Path(__file__).parent


@contextlib.contextmanager
def started(*words):
    """A command of Dask; it and all its children are gone at the end."""
    paths = [str(SUPPORT), str(SUPPORT.parent.parent), os.environ.get("PYTHONPATH")]
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextlib.contextmanager
def scheduler(folder):
    """The address of a scheduler."""
    file = folder / "scheduler.json"
    words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    with started("scheduler", *words) as process:
        for _ in range(300):
            with contextlib.suppress(OSError, json.JSONDecodeError):
                address = json.loads(file.read_text())["address"]
                break
            assert process.poll() is None, "the scheduler has ended"
            time.sleep(0.1)
        yield address


def workers(address, folder, *words, number=2, threads=1):
    """Workers, each a process with a nanny that starts it again."""
    counts = ("--nworkers", str(number), "--nthreads", str(threads))
    place = ("--no-dashboard", "--local-directory", str(folder))
    return started("worker", address, *counts, *place, *words)
