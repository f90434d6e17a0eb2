"""Hostile cases run in processes of their own, with limits on time and memory.

A case ends right, or with `InputError` in one line that names its file. Whatever else happens is
a finding: another exception, a warning, ten seconds, a gigabyte, a process that dies.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from bio_scnn import InputError
from tests.hostile.calls import Calls
from tests.hostile.files import Configs, Declared, Models, NIRFiles, States, Vectors
from tests.hostile.pictures import Masks, Pictures
from tests.hostile.programs import Adapters, CommandLines, Recordings

GROUPS = {
    "pictures": (Pictures, 150),
    "masks": (Masks, 60),
    "models": (Models, 60),
    "configurations": (Configs, 60),
    "declared neurons": (Declared, 20),
    "training states": (States, 40),
    "test vectors": (Vectors, 50),
    "NIR files": (NIRFiles, 40),
    "recordings": (Recordings, 40),
    "adapters": (Adapters, 40),
    "command lines": (CommandLines, 60),
    "library calls": (Calls, 150),
}
"""Subjects by group, and how many cases of each are run by default."""

SECONDS, GIGABYTES, LONGEST = 10, 1.0, 1500
ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Case:
    """Outcome of a case: 'right', 'refused', or what was found."""

    group: str
    seed: int
    outcome: str


def available(group: str) -> bool:
    """True if what a group needs is installed."""
    if group != "NIR files":
        return True
    try:
        import h5py  # noqa: F401
        import nir  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def run(wanted: dict[str, range]) -> list[Case]:
    """Run cases by group and seed; a process that dies costs one case, and another goes on."""
    words = [sys.executable, "-m", "tests.hostile", "--worker", json.dumps(
        {group: [seeds.start, seeds.stop] for group, seeds in wanted.items()}
    )]  # fmt: skip
    paths = [str(ROOT), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    # One thread: processes are forked from it.
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    ended = subprocess.run(
        words, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        raise RuntimeError(ended.stderr[-2000:])
    lines = [line[5:] for line in ended.stdout.splitlines() if line.startswith("CASE ")]
    return [Case(*json.loads(line)) for line in lines]


def work(wanted: dict[str, list[int]]) -> None:
    """The other side of `run`: a line for each case. Processes are forked, as imports are slow."""
    for group, (start, stop) in wanted.items():
        while start < stop:
            start = _forked(group, range(start, stop))


def _forked(group: str, seeds: range) -> int:
    """Run cases in a process of their own; the first seed that is left."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.close(reading)
        try:
            with open(writing, "w") as report:
                _cases(group, seeds, report)
        except BaseException:
            traceback.print_exc()
            os._exit(70)
        os._exit(0)
    os.close(writing)
    with open(reading) as report:
        done = [json.loads(line) for line in report]
    _, status = os.waitpid(child, 0)
    if not done and os.waitstatus_to_exitcode(status) == 70:
        raise SystemExit(f"{group}: no case can be run")
    if len(done) < len(seeds):
        ended = os.waitstatus_to_exitcode(status)
        done.append([group, seeds[len(done)], f"died with {ended}"])
    for case in done:
        print(f"CASE {json.dumps(case)}", flush=True)
    return seeds.start + len(done)


def _cases(group: str, seeds: range, report: TextIO) -> None:
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        subject = GROUPS[group][0](Path(folder))
        limit = _address_space() + int(4 * GIGABYTES * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for seed in seeds:
            subject.damage(np.random.default_rng([seed, *group.encode()]))
            report.write(json.dumps([group, seed, _outcome(subject)]) + "\n")
            report.flush()


def _outcome(subject) -> str:
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(6 * SECONDS)  # ends the process, also in the middle of another library
    try:
        subject.use()
        outcome = "right"
    except InputError as error:
        outcome = _refusal(str(error), subject.path)
    except BaseException as error:  # all that must not happen
        outcome = f"{type(error).__name__}: {str(error)[:200]}"
    signal.alarm(0)
    seconds = time.process_time() - began  # others may use the machine as well
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    if outcome in ("right", "refused") and seconds > SECONDS:
        return f"took {seconds:.0f} s"
    if outcome in ("right", "refused") and grown > GIGABYTES:
        return f"took {grown:.1f} GB"
    if outcome not in ("right", "refused") and subject.path is None:
        return f"{subject}: {outcome}"
    return outcome


def _refusal(message: str, path: Path | None) -> str:
    if "\n" in message or len(message) > LONGEST:
        return f"no line: {message[:200]!r} of {len(message)} characters"
    if not message.isprintable():
        return f"what a terminal obeys: {message[:200]!r}"
    if path is not None and path.name not in message:
        return f"names no file: {message[:200]}"
    return "refused"


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def table(cases: list[Case]) -> str:
    """Counts of outcomes by group, and each finding with the seed that repeats it."""
    lines = [f"{'group':20}{'cases':>7}{'right':>7}{'refused':>9}{'findings':>10}"]
    total: Counter[str] = Counter()
    for group in dict.fromkeys(case.group for case in cases):
        own = [case.outcome for case in cases if case.group == group]
        counts = Counter(right=own.count("right"), refused=own.count("refused"), cases=len(own))
        counts["findings"] = len(own) - counts["right"] - counts["refused"]
        total += counts
        lines.append(_row(group, counts))
    lines.append(_row("all", total))
    wrong = [case for case in cases if case.outcome not in ("right", "refused")]
    return "\n".join([*lines, *(f"{c.group} {c.seed}: {c.outcome}" for c in wrong)])


def _row(name: str, counts: Counter[str]) -> str:
    return (
        f"{name:20}{counts['cases']:7}{counts['right']:7}{counts['refused']:9}"
        f"{counts['findings']:10}"
    )
