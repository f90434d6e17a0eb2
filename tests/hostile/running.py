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
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bio_scnn import InputError
from tests.hostile.calls import Calls
from tests.hostile.files import Configs, Declared, Models, NIRFiles, States, Vectors

GROUPS = {
    "models": (Models, 60),
    "configurations": (Configs, 60),
    "declared neurons": (Declared, 20),
    "training states": (States, 40),
    "test vectors": (Vectors, 50),
    "NIR files": (NIRFiles, 40),
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


def run(group: str, seeds: range) -> list[Case]:
    """Run the cases of some seeds; a process that dies costs one case, and another goes on."""
    found: list[Case] = []
    words = [sys.executable, "-m", "tests.hostile", "--worker", group]
    paths = [str(ROOT), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    while len(found) < len(seeds):
        left = seeds[len(found) :]
        ended = subprocess.run(
            [*words, str(left.start), str(left.stop)],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = [line[5:] for line in ended.stdout.splitlines() if line.startswith("CASE ")]
        done = [Case(group, *json.loads(line)) for line in lines]
        found += done
        if len(found) < len(seeds):
            if not done and ended.returncode > 0:
                raise RuntimeError(f"{group}: {ended.stderr[-2000:]}")
            found.append(Case(group, seeds[len(found)], f"died with {ended.returncode}"))
    return found


def work(group: str, seeds: range) -> None:
    """The other side of `run`: a line for each case as soon as it is over."""
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as folder:
        subject = GROUPS[group][0](Path(folder))
        limit = _address_space() + int(4 * GIGABYTES * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for seed in seeds:
            subject.damage(np.random.default_rng([seed, *group.encode()]))
            print(f"CASE {json.dumps([seed, _outcome(subject)])}", flush=True)


def _outcome(subject) -> str:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(2 * SECONDS)  # ends the process, also in the middle of another library
    try:
        subject.use()
        outcome = "right"
    except InputError as error:
        outcome = _refusal(str(error), subject.path)
    except BaseException as error:  # all that must not happen
        outcome = f"{type(error).__name__}: {str(error)[:200]}"
    signal.alarm(0)
    seconds = time.monotonic() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    if outcome in ("right", "refused") and seconds > SECONDS:
        return f"took {seconds:.0f} s"
    if outcome in ("right", "refused") and grown > GIGABYTES:
        return f"took {grown:.1f} GB"
    if outcome not in ("right", "refused") and hasattr(subject, "changed"):
        value = repr(subject.arguments[subject.changed])[:60]
        return f"{subject.name}({subject.changed}={value}): {outcome}"
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
