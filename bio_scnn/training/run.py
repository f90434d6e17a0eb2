"""A training run from its settings to its files."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bio_scnn.data.datasets import DataSettings, embedded_images, find_images, split
from bio_scnn.data.sampler import PatchSampler
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import save_model
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.runtime.cluster import Cluster
from bio_scnn.runtime.files import encodable
from bio_scnn.runtime.places import Here, Place
from bio_scnn.training.ahead import batches, groups
from bio_scnn.training.batches import Prepared, make_batch
from bio_scnn.training.loop import fit
from bio_scnn.training.progress import Progress
from bio_scnn.training.run_files import Log, RunFiles, Snapshot, keep_config, load_state
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState, initial_state, started
from bio_scnn.training.validation import ValidationSet, validation_set

if TYPE_CHECKING:
    from bio_scnn.training.on_torch import Device


@dataclass(frozen=True)
class Execution:
    """Place, device and workers of a training; apart from rounding, weights do not depend on it.

    Attributes
    ----------
    where : Here or Cluster, optional
        Where the shards of a batch are worked on; here by default, all of them side by side.
    workers : int
        Processes that prepare patches.
    patches : Path, optional
        Folder in which prepared patches are kept, for other trainings that need the same ones.
    device : Device, optional
        Train in PyTorch, there; in NumPy by default.
    """

    where: Place | None = None
    workers: int = 1
    patches: Path | None = None
    device: Device | None = None


def train(
    config: Config,
    files: RunFiles,
    *,
    resume: bool,
    quiet: bool,
    command: str,
    execution: Execution | None = None,
    start_from: Path | None = None,
) -> None:
    """Run a training to its end, from the first step or from the last saved step.

    Parameters
    ----------
    config : Config
    files : RunFiles
    resume : bool
        Continue from the last saved step.
    quiet : bool
        Print errors only.
    command : str
        Command that started the run; it is kept in the model file.
    execution : Execution, optional
        Where and by what it is run.
    start_from : Path, optional
        A model file whose weights a new run begins with, in place of random ones.

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
    config.check_memory()
    how = execution or Execution()
    architecture, settings = config.architecture, config.training
    sampler, validation, skipped = _data(config, progress=not quiet)
    data = sampler.description() | {"skipped": skipped}
    digest = str(data["names_sha256"])
    stored = load_state(files.state, config, digest) if resume else None
    first = stored.state.step if stored else 0
    with closing(groups(sampler, architecture, settings, first, how.workers, how.patches)) as made:
        patches: Iterator[Prepared] = made
        if stored is None:
            keep_config(files.config, config)
            stored, patches = _begin(config, made, start_from)
        progress = Progress(config, files, validation, digest, stored, quiet)
        try:
            with progress.bar:
                state = _fit(stored.state, patches, config, progress, how)
        except FloatingPointError as error:
            raise InputError(f"training diverged: {error}; try a lower learning_rate") from error
        except KeyboardInterrupt:
            progress.interrupted()
            raise
    model = HybridSCNN(architecture, state.ema, config.lif)
    log = progress.last.log
    save_model(files.model, model, _about(config, files.name, command, data, log))
    if not quiet:
        print(encodable(f"model: {files.model}\nlog: {files.log}, {files.curves}"))
        print(validation.gains(log[-1]))


def _begin(
    config: Config, source: Iterator[Prepared], start_from: Path | None
) -> tuple[Snapshot, Iterator[Prepared]]:
    """A run before its first step, and all its patches; random weights are scaled on its batch."""
    first = next(source)
    batch = make_batch(first, config.architecture, config.training, 0)
    state = initial_state(config.architecture, config.training, batch)
    if start_from is not None:
        state = started(state, start_from)
    return Snapshot(state, (), []), chain([first], source)


def _fit(
    state: TrainingState,
    source: Iterator[Prepared],
    config: Config,
    progress: Progress,
    how: Execution,
) -> TrainingState:
    """Train to the last step, in NumPy or in PyTorch."""
    architecture, lif, settings = config.architecture, config.lif, config.training
    if how.device is not None:
        from bio_scnn.training.on_torch import TorchForward, fit_on_torch

        progress.network_of = partial(TorchForward, device=how.device)
        return fit_on_torch(state, source, architecture, lif, settings, progress, how.device)
    threads = how.where.jobs if isinstance(how.where, Here) else None
    cluster = how.where if isinstance(how.where, Cluster) else None
    shown = batches(source, architecture, settings, state.step)
    return fit(state, shown, architecture, lif, settings, progress, threads, cluster)


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
        print(encodable(f"  {named}{' '.join(reason.split())}"), file=sys.stderr)
    return sampler, validation, len(skipped)


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
