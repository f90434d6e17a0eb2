"""Thousands of library calls in one process, whose memory and open files must not grow.

What is measured is memory in use: blocks of Python, and bytes that the C library has given out.
The resident memory besides holds what has been freed and not given back, and moves with it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import bio_scnn
from tests.soak.outcome import Outcome

# Of the calls: the share before it counts, and the parts after, most of which must not grow. A
# table that is doubled once, such as Python's of its words, is in one of them.
WARM, PARTS = 0.2, 8
KILOBYTES, BLOCKS = 0.25, 0.5  # that a call may leave in use, on average of a part


class _Given(ctypes.Structure):
    """Memory statistics of the C library, the fields of glibc's mallinfo2."""

    _fields_ = [
        *((f"_{n}", ctypes.c_size_t) for n in range(4)),
        ("hblkhd", ctypes.c_size_t),  # bytes that were mapped
        *((f"_{n}", ctypes.c_size_t) for n in range(4, 6)),
        ("uordblks", ctypes.c_size_t),  # bytes of the heaps that are given out
        *((f"_{n}", ctypes.c_size_t) for n in range(6, 8)),
    ]


def in_use() -> tuple[float, int, int]:
    """Memory that the C library has given out, kB, blocks of Python, and open files."""
    gc.collect()
    files, given = len(os.listdir("/proc/self/fd")), 0.0
    mallinfo2 = getattr(ctypes.CDLL(None), "mallinfo2", None)  # glibc since 2.33
    if mallinfo2 is not None:
        mallinfo2.restype = _Given
        told = mallinfo2()
        given = (told.uordblks + told.hblkhd) / 1024
    return given, sys.getallocatedblocks(), files


def resident_kb() -> int:
    """Resident memory of this process, kB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def flat(name: str, call: Callable[[], object], number: int, until: float) -> list[Outcome]:
    """Call until the number or the time is reached; memory and handles are those of before."""
    began, done = time.monotonic(), 0
    marks: list[tuple[float, ...]] = []
    call()
    resident = 0
    while done < number and time.monotonic() < until:
        passed = max(done / number, (time.monotonic() - began) / max(until - began, 1e-9))
        if passed >= WARM + len(marks) * (1 - WARM) / PARTS:
            marks.append((done, *in_use()))
            resident = resident or resident_kb()
        call()
        done += 1
    marks.append((done, *in_use()))
    steps = np.diff(np.array(marks, float), axis=0)
    calls = np.maximum(steps[:, 0], 1)
    kilobytes, blocks = (statistics.median(steps[:, n] / calls) for n in (1, 2))
    files = int(marks[-1][3] - marks[0][3])
    counted = max(done - marks[0][0], 1)
    findings = [f"{files} more files are open"] if files > 0 else []
    if kilobytes > KILOBYTES:
        findings.append(f"a call leaves {kilobytes:.2f} kB in use")
    if blocks > BLOCKS:
        findings.append(f"a call leaves {blocks:.1f} blocks of Python in use")
    figures = (
        f"{kilobytes:+.3f} kB, {blocks:+.2f} blocks and {files / counted:+.3f} files a call; "
        f"resident {(resident_kb() - resident) / counted:+.2f} kB a call over {counted:,}"
    )
    return [Outcome(name, done, number, time.monotonic() - began, figures, findings)]


def inpaint_calls(_folder: Path, number: int, until: float, seed: int) -> list[Outcome]:
    """`inpaint`, every spike simulated."""
    image = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    mask = np.zeros((24, 24), bool)
    mask[10:14, 8:16] = True
    return flat("inpaint", lambda: bio_scnn.inpaint(image, mask, channel_axis=-1), number, until)


def simulate_calls(_folder: Path, number: int, until: float, seed: int) -> list[Outcome]:
    """`simulate`, of another number of neurons at a time.

    NumPy keeps freed arrays of up to 1,024 bytes, seven of each size; these are larger.
    """
    rng = np.random.default_rng(seed)

    def call() -> None:
        current = rng.uniform(0, 20, int(rng.integers(1100, 1600)))
        bio_scnn.simulate(current, duration_ms=20)

    return flat("simulate", call, number, until)
