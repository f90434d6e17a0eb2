"""A training run from its settings to its files."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bio_scnn.data.datasets import (
    DataSettings,
    embedded_images,
    find_images,
    split,
)
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import save_model
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.runtime.places import Here, Place
from bio_scnn.training import loop as training
from bio_scnn.training.batches import batches, make_batch, prepare
from bio_scnn.training.optimizers import learning_rate
from bio_scnn.training.run_files import (
    RunFiles,
    _comparable,
    draw_curves,
    keep_config,
    load_state,
    save_state,
    write_log,
)
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState, initial_state
from bio_scnn.training.validation import validation_set


def find_data(settings: DataSettings) -> tuple[list[Path], list[Path]]:
    """Training and validation photographs as the settings ask for."""
    if settings.folder:
        images, folder = find_images(settings.folder), Path(settings.folder)
    else:
        images = embedded_images()
        folder = images[0].parent
    if settings.val_folder:
        return images, find_images(settings.val_folder)
    return split(images, settings.val_fraction, settings.seed, folder=folder)


def train(
    config: Config,
    files: RunFiles,
    *,
    resume: bool,
    quiet: bool,
    command: str,
    where: Place | None = None,
) -> None:
    """Run a training from its first, or its last saved, step to the end."""
    if not resume and files.state.exists():
        raise InputError(
            f"{files.state} holds an unfinished or finished run; add --resume, or remove it"
        )
    photographs, held_out = find_data(config.data)
    sampler = PatchSampler(photographs, config.data, progress=not quiet)
    validation, skipped = validation_set(config, photographs, held_out)
    skipped = [*sampler.skipped, *skipped]
    if skipped:
        print(f"{len(skipped)} unreadable images skipped:", file=sys.stderr)
        for path, reason in skipped:
            named = "" if path.name in reason else f"{path}: "
            print(f"  {named}{' '.join(reason.split())}", file=sys.stderr)
    data = sampler.description()
    digest = str(data["names_sha256"])
    if resume:
        state, log = load_state(files.state, config, digest)
    else:
        prepared = prepare(sampler, config.architecture, config.training, 0)
        first = make_batch(prepared, config.architecture, config.training, 0)
        state, log = initial_state(config.architecture, config.training, first), []
        keep_config(files.config, config)

    losses: list[float] = []
    last = config.training.steps
    bar = tqdm(total=last, initial=state.step, unit="step", disable=quiet or None, smoothing=0.05)

    def on_step(state: TrainingState, loss: float) -> None:
        losses.append(loss)
        bar.update()
        validate = state.step % config.training.validate_every == 0 or state.step == last
        if state.step % config.training.log_every and not validate:
            return
        rate = learning_rate(config.training, state.step - 1)
        row = {"step": state.step, "loss": float(np.mean(losses)), "learning_rate": rate}
        losses.clear()
        log.append(row)
        bar.set_postfix(loss=f"{row['loss']:.4f}", refresh=False)
        if validate:
            row |= validation.scores(config, state.ema)
            scores = ", ".join(f"{k} {row[f'psnr_{k}']:.2f}" for k in MASK_KINDS)
            if not quiet:
                tqdm.write(f"step {state.step}: loss {row['loss']:.4f}; hole PSNR (dB) {scores}")
            save_state(files.state, state, config, log, digest)
            write_log(files.log, log)
            draw_curves(files.curves, log, files.name)

    source = batches(sampler, config.architecture, config.training, state.step)
    try:
        with bar:
            state = training.fit(
                state,
                source,
                config.architecture,
                config.lif,
                config.training,
                on_step,
                threads=where.jobs if isinstance(where, Here) else None,
                cluster=where if isinstance(where, Cluster) else None,
            )
    except FloatingPointError as error:
        raise InputError(f"training diverged: {error}; try a lower learning_rate") from error
    model = HybridSCNN(config.architecture, state.ema, config.lif)
    about = {
        "name": files.name,
        "command": command,
        "config": _comparable(config),
        "data": data | {"skipped": len(skipped)},
        "validation": {k: v for k, v in log[-1].items() if k.startswith(("psnr", "mse"))},
        "training_loss": log[-1]["loss"],
        "versions": {name: version(name) for name in ("bio-scnn", "numpy", "scipy")}
        | {"python": platform.python_version()},
    }
    save_model(files.model, model, about)
    if not quiet:
        print(f"model: {files.model}\nlog: {files.log}, {files.curves}")
