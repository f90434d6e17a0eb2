"""Commands where something of the machine is missing: disk, caches, folders, compiler, memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tiny_training import CONFIG

from bio_scnn.data.images import read_image, write_image
from tests.soak.outcome import Outcome, command, hidden, ran

NOWHERE = "/proc/nowhere"  # nobody can make a folder there, not even root
SIMULATE = (
    "import sys, bio_scnn as b; "
    "r = b.simulate([9.0, 20.0], duration_ms=50, target=sys.argv[1]); print(r.count)"
)
RUN = "import sys; from bio_scnn.commands.options import run; run(lambda: exec(sys.argv[2]))"


class Place:
    """Pictures, a configuration, and the environment of a command."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(0)
        self.folder, self.out = folder, folder / "out"
        self.config = folder / "tiny.toml"
        self.config.write_text(CONFIG)
        for n in range(2):
            write_image(folder / f"{n}.png", rng.integers(0, 256, (64, 80, 3), np.uint8))
        large = rng.integers(0, 256, (1500, 2000, 3), np.uint8)
        write_image(folder / "large" / "large.tif", large)

    def restore(self, *words: object) -> list[str]:
        drawn = ("--mask-kind", "boxes", "--quality", "fast", "-o", self.out)
        return command("run_inpaint", self.folder / "0.png", self.folder / "1.png", *drawn, *words)

    def simulated(self, target: str) -> list[str]:
        return [sys.executable, "-c", RUN, target, SIMULATE]


def limited(kind: int, size: int) -> Callable[[], None]:
    """Code that a process runs first, to have less of a resource."""
    return lambda: resource.setrlimit(kind, (size, size))


def judged(ended: subprocess.CompletedProcess[str], codes: tuple[int, ...], says: str = "") -> str:
    """Fault in how a command ended, in words; empty if there is none."""
    said = ended.stderr.strip().splitlines()
    if ended.returncode not in codes:
        return f"exit code {ended.returncode}: {' | '.join(said[-3:])[:300]}"
    if "Traceback" in ended.stderr:
        return f"a traceback: {said[-1][:200]}"
    if ended.returncode == 2 and not said[-1].startswith("error: "):
        return f"no clear line: {said[-1][:200]}"
    return "" if says in ended.stderr else f"does not say {says!r}: {' | '.join(said)[:300]}"


def surroundings(folder: Path, _number: int, until: float, _seed: int) -> list[Outcome]:
    """Each situation once: a right result, or one clear line and nothing half."""
    place, rows = Place(folder), []
    for name, situation in SITUATIONS.items():
        began = time.monotonic()
        if began > until and rows:
            rows.append(Outcome(name, 0, 1, 0.0, "no time left"))
            continue
        found = situation(place)
        found += [f"{path.name} is left" for path in hidden(folder)]
        rows.append(
            Outcome(name, 1, 1, time.monotonic() - began, findings=[f for f in found if f])
        )
    return rows


def environment(**changes: str | None) -> dict[str, str]:
    """This process's environment, with changes; None removes a variable."""
    whole = os.environ | changes
    return {name: value for name, value in whole.items() if value is not None}


def disk_full(place: Place) -> list[str]:
    full = limited(resource.RLIMIT_FSIZE, 4000)
    train = command("train", "--config", place.config, "-o", place.folder / "full", "--quiet")
    return [
        judged(ran(place.restore(), preexec_fn=full), (2,), "cannot be written"),
        judged(ran(train, preexec_fn=full), (2,), "cannot be written"),
    ]


def output_cannot_be_made(place: Place) -> list[str]:
    return [
        judged(ran([*place.restore(), "-o", f"{NOWHERE}/x"]), (2,)),
        judged(ran(command("train", "--config", place.config, "-o", NOWHERE, "--quiet")), (2,)),
    ]


def without(**changes: str | None) -> Callable[[Place], list[str]]:
    """Situation: variables of the environment lead nowhere, or are missing."""

    def situation(place: Place) -> list[str]:
        there = environment(**changes)
        return [
            judged(ran(place.restore(), env=there, cwd=place.folder), (0,)),
            judged(ran(place.restore("--jobs", "2"), env=there, cwd=place.folder), (0,)),
            judged(ran(place.simulated("auto"), env=there), (0,)),
        ]

    return situation


def no_cache(place: Place) -> list[str]:
    there = environment(BIO_SCNN_CACHE=NOWHERE)
    return [
        judged(ran(place.simulated("cython"), env=there), (2,), "BIO_SCNN_CACHE"),
        judged(ran(place.simulated("auto"), env=there), (0,)),
    ]


def no_compiler(place: Place) -> list[str]:
    there = environment(CC="no-such-compiler", BIO_SCNN_CACHE=str(place.folder / "cold"))
    return [
        judged(ran(place.simulated("cython"), env=there), (2,), "no-such-compiler"),
        judged(ran(place.simulated("auto"), env=there), (0,)),
    ]


def closed_pipes(place: Place) -> list[str]:
    found = []
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-", "| true", "2>&1 | true"):
        words = " ".join(f"'{word}'" for word in place.restore("--overwrite"))
        ended = ran(["bash", "-c", f"set -o pipefail; {words} {closed}"])
        found.append(judged(ended, (0, 1) if "|" in closed else (0,)))
        found += [
            f"{closed}: {path.name} is missing"
            for path in (place.out / "0_restored.png", place.out / "1_restored.png")
            if "|" not in closed and not path.exists()
        ]
    return found


def little_memory(place: Place) -> list[str]:
    found = []
    large = command(
        "run_inpaint", place.folder / "large" / "large.tif", "--mask-kind", "strokes",
        "--coverage", "0.5", "--quality", "fast", "--no-panel", "-o", place.out,
    )  # fmt: skip
    for megabytes in (600, 900, 1300):
        limit = limited(resource.RLIMIT_AS, megabytes << 20)
        one = environment(OPENBLAS_NUM_THREADS="1")
        ended = ran(large, 300, preexec_fn=limit, env=one)
        found.append(judged(ended, (0, 2)) and f"{megabytes} MB: {judged(ended, (0, 2))}")
    return found


def clocks(place: Place) -> list[str]:
    """The clock of the day goes back and jumps ahead while commands work."""
    jumps = (
        "import itertools, random, sys, time; r = random.Random(0); t = time.time; "
        "time.time = lambda: t() + r.choice([-1e9, 0, 1e6]); "
        "from bio_scnn import MODULE; from bio_scnn.commands.options import run; "
        "run(lambda: MODULE.main(sys.argv[1:]))"
    )
    found = []
    for words in (
        place.restore(),
        command("train", "--config", place.config, "-o", place.folder / "clock", "--quiet"),
    ):
        module = words[2].split(".")[1]
        code = jumps.replace("MODULE", module)
        found.append(judged(ran([sys.executable, "-c", code, *words[3:]]), (0,)))
    return found


def mounted(words: list[str], mount: str) -> list[str]:
    """A command in a name space of its own, where something else is mounted."""
    return ["unshare", "-m", "sh", "-c", f'{mount} && exec "$@"', "sh", *words]


def no_shared_memory(place: Place) -> list[str]:
    """A /dev/shm that nothing can be written to, where name spaces can be made."""
    mount = "mount -t tmpfs -o ro tmpfs /dev/shm"
    if ran(mounted(["true"], mount)).returncode:
        return []
    train = command("train", "--config", place.config, "-o", place.folder / "shm", "--jobs", "2")
    return [
        judged(ran(mounted(place.restore("--jobs", "2"), mount)), (2,), "--jobs 1"),
        judged(ran(mounted([*train, "--quiet"], mount)), (2,), "shared memory"),
    ]


def full_file_system(place: Place) -> list[str]:
    """A file system of 64 kB, where one can be made; results are whole or not there."""
    small = place.folder / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=64k tmpfs '{small}'"
    if ran(mounted(["true"], mount)).returncode:
        return []
    show = f"ls -A {small}; {' '.join(place.restore('-o', small))}; echo $?; ls -A {small}"
    ended = ran(mounted(["bash", "-c", show], mount))
    lines = ended.stdout.split()
    partial = [name for name in lines if name.endswith(".part")]
    return [judged(ended, (0,), "cannot be written"), f"{partial} are left" if partial else ""]


def cold_cache(place: Place) -> list[str]:
    """Eight processes that compile at the same time."""
    there = environment(BIO_SCNN_CACHE=str(place.folder / "shared"))
    running = [
        subprocess.Popen(place.simulated("cython"), env=there, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
        for _ in range(8)
    ]  # fmt: skip
    ended = [(one.communicate(), one.returncode) for one in running]
    answers = {out for (out, _), _ in ended}
    errors = [f"exit code {code}: {err[-300:]}" for (_, err), code in ended if code]
    return [*errors, "" if len(answers) == 1 else f"answers differ: {answers}"]


def damaged_cache(place: Place) -> list[str]:
    """Compiled modules cut off, flipped or empty: computed all the same, or told in a line."""
    there = environment(BIO_SCNN_CACHE=str(place.folder / "shared"))
    found, want = [], ran(place.simulated("cython"), 900, env=there)
    modules = sorted((place.folder / "shared").rglob("*.so"))
    valid = [path.read_bytes() for path in modules]
    damages = (
        lambda d: d[: len(d) // 2],
        lambda d: b"",
        lambda d: d[:5000] + bytes(9000),
        lambda d: d[: len(d) // 3] + bytes(len(d) // 3) + d[2 * len(d) // 3 :],
    )
    for damage in damages:
        for path, data in zip(modules, valid, strict=True):
            path.unlink()  # not what another process has in memory
            path.write_bytes(damage(data))
        for target in ("cython", "auto"):
            ended = ran(place.simulated(target), 900, env=there)
            found.append(judged(ended, (0,)))
            if ended.returncode == 0 and ended.stdout != want.stdout:
                found.append(f"another answer: {ended.stdout}")
    return found


def restored_all_the_same(place: Place) -> list[str]:
    """After all that, the results are those of the beginning."""
    again = ran([*place.restore("--overwrite")])
    shape = read_image(place.out / "0_restored.png").shape
    return [judged(again, (0,)), "" if shape == (64, 80, 3) else f"shape {shape}"]


SITUATIONS: dict[str, Callable[[Place], list[str]]] = {
    "disk full": disk_full,
    "file system full": full_file_system,
    "output folder that cannot be made": output_cannot_be_made,
    "no HOME": without(HOME=None, XDG_CACHE_HOME=None),
    "HOME leads nowhere": without(HOME=NOWHERE, XDG_CACHE_HOME=None, MPLCONFIGDIR=None),
    "TMPDIR leads nowhere": without(TMPDIR=NOWHERE),
    "no cache": no_cache,
    "no compiler": no_compiler,
    "no shared memory": no_shared_memory,
    "closed pipes": closed_pipes,
    "little memory": little_memory,
    "clocks that jump": clocks,
    "eight processes on a cold cache": cold_cache,
    "damaged compiled code": damaged_cache,
    "restored all the same": restored_all_the_same,
}
