"""Trainings and folders stopped by signals at random moments, and gone on with."""

from __future__ import annotations

import hashlib
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tiny_training import CONFIG

from bio_scnn.data.images import write_image
from bio_scnn.network.checkpoint import load_model
from tests.soak.outcome import Outcome, hidden, killed, table

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def killed_training(
    folder: Path, number: int, until: float, seed: int, steps: int = 60
) -> list[Outcome]:
    """Trainings killed until they are done; each must end at the weights of an undisturbed one."""
    began, rng = time.monotonic(), np.random.default_rng(seed)
    config = folder / "tiny.toml"
    config.write_text(
        CONFIG.replace("steps = 12", f"steps = {steps}").replace("= 4\nopt", "= 15\nopt")
    )
    whole, broken = folder / "whole", folder / "broken"
    words, errors = ["--config", config, "--quiet", "-o"], folder / "errors"
    code, said = killed("train", [*words, whole], 600, signal.SIGKILL, errors)
    usual = time.monotonic() - began
    if code:
        return [Outcome("killed training", 0, number, usual, findings=[said])]
    kills, runs, findings = 0, 0, []
    while kills < number and time.monotonic() < until:
        jobs = ["--jobs", "2"] if rng.random() < 0.3 else []
        resume = ["--resume"] if list(broken.glob("*.state.safetensors")) else []
        which = SIGNALS[int(rng.integers(len(SIGNALS)))]
        start, after = time.monotonic(), rng.uniform(0, 1) * usual
        code, said = killed("train", [*words, broken, *resume, *jobs], after, which, errors)
        if said == "orphan" or code == 124:
            findings.append(f"{which.name}: {said}")
        if code in (0, which.value, -which.value, 128 + which.value):
            kills += code != 0
        else:
            findings.append(f"{which.name}: exit code {code}: {said[-300:]}")
        if code == 0:
            usual = min(usual, time.monotonic() - start)
            runs += 1
            findings += [f"run {runs}: {name} differs" for name in _differ(whole, broken)]
            shutil.rmtree(broken)
        if len(findings) > 9:
            break
    if broken.exists():
        resume = ["--resume"] if list(broken.glob("*.state.safetensors")) else []
        code, said = killed("train", [*words, broken, *resume], 600, signal.SIGKILL, errors)
        runs += 1
        findings += [f"the last run: {name} differs" for name in _differ(whole, broken)]
        findings += [said[-300:]] if code else []
    figures = f"{runs} trainings ended, bit-identical" if not findings else ""
    return [Outcome("killed training", kills, number, time.monotonic() - began, figures, findings)]


def _differ(whole: Path, broken: Path) -> list[str]:
    """Names of weights and files that are not those of the undisturbed training."""
    want, _ = load_model(whole / "tiny.safetensors")
    have, _ = load_model(broken / "tiny.safetensors")
    names = [
        name for name, value in want.params.items() if not np.array_equal(value, have.params[name])
    ]
    log = "tiny-log.csv"
    return names + [log] * ((whole / log).read_text() != (broken / log).read_text())


def killed_folders(folder: Path, number: int, until: float, seed: int) -> list[Outcome]:
    """Folders killed while they are restored; what is there is whole, the rest is done next."""
    began, rng = time.monotonic(), np.random.default_rng(seed)
    photos, whole, broken = folder / "photos", folder / "whole", folder / "broken"
    for n in range(8):
        write_image(photos / f"{n}.png", rng.integers(0, 256, (96, 128, 3), np.uint8))
    words = [photos, "--mask-kind", "boxes", "--quality", "fast", "--no-panel", "-o"]
    errors = folder / "errors"
    code, said = killed("run_inpaint", [*words, whole], 600, signal.SIGKILL, errors)
    usual = time.monotonic() - began
    if code:
        return [Outcome("killed folders", 0, number, usual, findings=[said])]
    want, kills, findings, times = _digests(whole), 0, [], 0
    while kills < number and time.monotonic() < until and len(findings) < 9:
        which = SIGNALS[int(rng.integers(len(SIGNALS)))]
        jobs = ["--jobs", "2"] if rng.random() < 0.5 else []
        start, after = time.monotonic(), rng.uniform(0, 1) * usual
        more = [broken, "--skip-done", *jobs]
        code, said = killed("run_inpaint", [*words, *more], after, which, errors)
        kills += code != 0
        have = _digests(broken)
        wrong = [name for name, digest in have.items() if want.get(name) != digest]
        findings += [f"{which.name}: {name} is not the undisturbed one" for name in wrong]
        if said == "orphan" or code == 124:
            findings.append(f"{which.name}: {said}")
        if which != signal.SIGKILL and (left := hidden(broken)):
            findings.append(f"{which.name}: {left[0].name} is left")
        if code == 0:
            usual = min(usual, max(time.monotonic() - start, 0.3))
            findings += [] if have == want else [f"done, but {set(want) - set(have)} missing"]
            times += 1
            shutil.rmtree(broken, ignore_errors=True)
        for part in hidden(broken):
            part.unlink()
    figures = f"{times} times to the end, bit-identical" if not findings else ""
    return [Outcome("killed folders", kills, number, time.monotonic() - began, figures, findings)]


def _digests(folder: Path) -> dict[str, str]:
    """Digests of results by name."""
    found = sorted(folder.glob("[!.]*")) if folder.exists() else []
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


if __name__ == "__main__":  # the few of the test suite
    with tempfile.TemporaryDirectory() as place:
        number, seed = map(int, sys.argv[1:])
        found = killed_training(Path(place), number, time.monotonic() + 300, seed, steps=20)
    print(table(found))
    sys.exit(any(one.findings for one in found))
