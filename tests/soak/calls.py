"""Thousands of library calls in one process, whose memory and open files must not grow."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import bio_scnn
from tests.soak.outcome import Outcome

KILOBYTES, WARM = 1.0, 0.2  # a call may leave, on average; part of the calls before it counts


def resident_kb() -> int:
    """Resident memory of this process, kB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def flat(name: str, call: Callable[[], object], number: int, until: float) -> list[Outcome]:
    """Call until the number or the time is reached; memory and handles are those of before."""
    began, done = time.monotonic(), 0
    call()
    start_at, memory, files = 0, 0, 0
    while done < number and time.monotonic() < until:
        call()
        done += 1
        passed = (time.monotonic() - began) / max(until - began, 1e-9)
        if not memory and (done >= WARM * number or passed >= WARM):
            gc.collect()
            start_at, memory, files = done, resident_kb(), len(os.listdir("/proc/self/fd"))
    gc.collect()
    counted = max(done - start_at, 1)
    each = (resident_kb() - memory) / counted if memory else 0.0
    more = len(os.listdir("/proc/self/fd")) - files if memory else 0
    findings = [f"{more} more files are open"] if more > 0 else []
    if each > KILOBYTES and each * counted > 8192:
        findings.append(f"a call leaves {each:.2f} kB")
    figures = f"{each:+.2f} kB and {more / counted:+.3f} files a call over {counted:,}"
    return [Outcome(name, done, number, time.monotonic() - began, figures, findings)]


def inpaint_calls(_folder: Path, number: int, until: float, seed: int) -> list[Outcome]:
    """`inpaint`, every spike simulated."""
    image = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    mask = np.zeros((24, 24), bool)
    mask[10:14, 8:16] = True
    return flat("inpaint", lambda: bio_scnn.inpaint(image, mask, channel_axis=-1), number, until)


def simulate_calls(_folder: Path, number: int, until: float, seed: int) -> list[Outcome]:
    """`simulate`, of another number of neurons at a time."""
    rng = np.random.default_rng(seed)

    def call() -> None:
        current = rng.uniform(0, 20, int(rng.integers(1, 500)))
        bio_scnn.simulate(current, duration_ms=20)

    return flat("simulate", call, number, until)
