"""A Dask scheduler with workers on this machine, and the tasks that they are given."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _bench
from bio_scnn import restore
from bio_scnn.errors import InputError
from bio_scnn.runtime.cluster import connected
from bio_scnn.training.loop import shard_gradients


def echo(item: Any, *shared: Any) -> Any:
    """A task that sends back what it was given."""
    return item


def echo_weights(item: Any, weights: Any, *shared: Any) -> Any:
    """A task that sends back weights, which are as large as the gradients of a training step."""
    return weights


def timed_shard(item: Any, *shared: Any) -> float:
    """Seconds of a shard's gradients."""
    start = time.perf_counter()
    shard_gradients(item, *shared)
    return time.perf_counter() - start


def timed_restore(item: Any, image: np.ndarray, mask: np.ndarray) -> float:
    """Seconds of a picture."""
    start = time.perf_counter()
    restore(image, mask)
    return time.perf_counter() - start


@contextlib.contextmanager
def dask(workers: int) -> Iterator[str]:
    """A scheduler with workers, each a process of its own; its address."""
    # Workers have to find the tasks of this module as well.
    paths = (str(_bench.CHECKOUT), os.environ.get("PYTHONPATH"))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    environment["MALLOC_ARENA_MAX"] = "1"  # see docs/clusters.md
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = [sys.executable, "-m", "dask"]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as started:
        file = Path(folder, "scheduler.json")

        def start(*words: str) -> None:
            process = subprocess.Popen([*command, *words], env=environment, **quiet)
            started.callback(process.wait)
            started.callback(process.terminate)

        start(
            *("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"),
            *("--scheduler-file", str(file)),
        )
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError, json.JSONDecodeError):
                address = json.loads(file.read_text())["address"]
                break
            if time.monotonic() > deadline:
                raise InputError("the scheduler does not start: try 'dask scheduler' by hand")
            time.sleep(0.1)
        start(
            *("worker", address, "--nworkers", str(workers), "--nthreads", "1"),
            *("--no-dashboard", "--local-directory", folder),
        )
        with connected(address) as cluster:
            cluster.client.wait_for_workers(workers, timeout=60)
        yield address


def seconds_of(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
