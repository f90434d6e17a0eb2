"""A training run from its settings to its files."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bio_scnn.data.datasets import DataSettings, embedded_images, find_images, split
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import save_model
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.runtime.places import Here, Place
from bio_scnn.training.batches import batches, make_batch, prepare
from bio_scnn.training.loop import fit
from bio_scnn.training.progress import Progress
from bio_scnn.training.run_files import Log, RunFiles, keep_config, load_state
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState, initial_state
from bio_scnn.training.validation import ValidationSet, validation_set


def train(
    config: Config,
    files: RunFiles,
    *,
    resume: bool,
    quiet: bool,
    command: str,
    where: Place | None = None,
) -> None:
    """Run a training from its first, or its last saved, step to the end.

    Parameters
    ----------
    config : Config
    files : RunFiles
    resume : bool
        Go on from the last saved step.
    quiet : bool
        Print errors only.
    command : str
        What started the run, kept in the model file.
    where : Here or Cluster, optional
        Where the shards of a batch are worked on; here by default, all of them side by side.

    Raises
    ------
    InputError
        If the files hold a run that is not to be resumed, or another than the configuration's,
        if no data can be read, or if the loss diverges.
    """
    if not resume and files.state.exists():
        raise InputError(
            f"{files.state} holds an unfinished or finished run; add --resume, or remove it"
        )
    sampler, validation, skipped = _data(config, progress=not quiet)
    data = sampler.description() | {"skipped": skipped}
    digest = str(data["names_sha256"])
    if resume:
        state, log = load_state(files.state, config, digest)
    else:
        state, log = _begin(config, sampler), []
        keep_config(files.config, config)
    architecture, lif, settings = config.architecture, config.lif, config.training
    progress = Progress(config, files, validation, digest, log, state.step, quiet)
    source = batches(sampler, architecture, settings, state.step)
    threads = where.jobs if isinstance(where, Here) else None
    cluster = where if isinstance(where, Cluster) else None
    try:
        with progress.bar:
            state = fit(state, source, architecture, lif, settings, progress, threads, cluster)
    except FloatingPointError as error:
        raise InputError(f"training diverged: {error}; try a lower learning_rate") from error
    model = HybridSCNN(architecture, state.ema, lif)
    save_model(files.model, model, _about(config, files.name, command, data, log))
    if not quiet:
        print(f"model: {files.model}\nlog: {files.log}, {files.curves}")


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


def _data(config: Config, *, progress: bool) -> tuple[PatchSampler, ValidationSet, int]:
    """Patches, pictures to validate on, and how many files had to be skipped, which are named."""
    photographs, held_out = find_data(config.data)
    sampler = PatchSampler(photographs, config.data, progress=progress)
    validation, unreadable = validation_set(config, photographs, held_out)
    if skipped := [*sampler.skipped, *unreadable]:
        print(f"{len(skipped)} unreadable images skipped:", file=sys.stderr)
    for path, reason in skipped:
        named = "" if path.name in reason else f"{path}: "
        print(f"  {named}{' '.join(reason.split())}", file=sys.stderr)
    return sampler, validation, len(skipped)


def _begin(config: Config, sampler: PatchSampler) -> TrainingState:
    """The state before the first step, scaled on its batch."""
    prepared = prepare(sampler, config.architecture, config.training, 0)
    first = make_batch(prepared, config.architecture, config.training, 0)
    return initial_state(config.architecture, config.training, first)


def _about(
    config: Config, name: str, command: str, data: dict[str, Any], log: Log
) -> dict[str, Any]:
    """Description of a training in its model file."""
    return {
        "name": name,
        "command": command,
        "config": config.portable(),
        "data": data,
        "validation": {k: v for k, v in log[-1].items() if k.startswith(("psnr", "mse"))},
        "training_loss": log[-1]["loss"],
        "versions": {name: version(name) for name in ("bio-scnn", "numpy", "scipy")}
        | {"python": platform.python_version()},
    }
