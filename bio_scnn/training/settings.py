"""Settings of a training run, and the whole configuration that they are a part of."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bio_scnn.data.datasets import DataSettings
from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture, param_shapes
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.runtime.config import to_table
from bio_scnn.runtime.memory import check_fits

Precision = Literal["float64", "float32", "tf32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float64", "float32", "tf32", "bfloat16")


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of a training: the fields of a configuration's training table.

    Attributes
    ----------
    steps, batch, patch : int
        Gradient steps, images per step, and their side in pixels.
    loss : {'hole', 'image'}
        Squared error over the missing pixels, each image weighed by how hard its holes are (the
        error of the untrained network, which for a residual is that of its fills' mean), or the
        plain MSE over all pixels.
    reuse : int
        Times that a patch with its mask is shown, turned and recoloured in different ways, within
        ``pool * reuse`` steps: finding the fills costs more than anything else about a patch.
    pool : int
        Batches whose patches are prepared together, and shown in a new order every time.
    varied_masks : float
        Fraction of the masks that are unlike those of the evaluation, see
        `bio_scnn.data.masks.random_training_mask`.
    learning_rate, warmup, schedule
        Highest rate, steps of linear warm-up, and what follows: 'cosine' to zero, or 'constant'.
    optimizer : {'adam', 'muon'}
        What turns gradients into steps. Muon is for kernels only; biases have Adam in any case.
    beta1, beta2 : float
        Decay rates of Adam's moments; the first is that of Muon's momentum, too.
    clip_norm : float
        Largest norm of the gradient; 0 for no limit.
    ema : float
        Decay of the moving average of the weights that is validated and kept; 0 for none.
    feature_noise : tuple of float
        Standard deviations of the static noise on the features; every patch is given one of them.
    clip_slope : float
        See `bio_scnn.network.units.Unit.backward`.
    seed : int
        Seed of all random numbers: weights, patches, masks, noise.
    shards : int
        Parts of a batch that can be worked on side by side, by so many threads or workers.
    log_every, validate_every : int
        Steps between rows of the log, and between validations (and checkpoints).
    """

    steps: int = 20_000
    batch: int = 6
    patch: int = 128
    reuse: int = 4
    pool: int = 8
    varied_masks: float = 0.4
    loss: Literal["hole", "image"] = "hole"
    learning_rate: float = 1e-3
    warmup: int = 500
    schedule: Literal["cosine", "constant"] = "cosine"
    optimizer: Literal["adam", "muon"] = "adam"
    beta1: float = 0.9
    beta2: float = 0.99
    clip_norm: float = 1.0
    ema: float = 0.998
    feature_noise: tuple[float, ...] = (0.0,)
    clip_slope: float = 0.1
    seed: int = 0
    shards: int = 2
    log_every: int = 50
    validate_every: int = 1000

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch",
            "patch",
            "reuse",
            "pool",
            "shards",
            "log_every",
            "validate_every",
        ):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; it must be at least 0")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"learning_rate is {self.learning_rate}; it must be in (0, 1]")
        if not self.feature_noise or not all(0 <= std < np.inf for std in self.feature_noise):
            raise InputError(
                f"feature_noise is {self.feature_noise}; it must be numbers of at least 0"
            )
        for name in ("warmup", "clip_norm", "clip_slope"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; it must be a number of at least 0")
        for name, known in (
            ("loss", ("hole", "image")),
            ("schedule", ("cosine", "constant")),
            ("optimizer", ("adam", "muon")),
        ):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} is {getattr(self, name)!r}; choose from {', '.join(known)}"
                )
        if not 0 <= self.varied_masks <= 1:
            raise InputError(f"varied_masks is {self.varied_masks}; it must be in [0, 1]")
        for name in ("beta1", "beta2", "ema"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}; it must be in [0, 1)")

    @property
    def group_steps(self) -> int:
        """Steps that show the patches of one group."""
        return self.pool * self.reuse


_MOST = 2**53


@dataclass(frozen=True)
class Config:
    """A training configuration: one table of the TOML file per attribute."""

    architecture: Architecture = field(default_factory=Architecture)
    lif: LIFParameters = TABLE_1
    data: DataSettings = field(default_factory=DataSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        for table in (self.architecture, self.data, self.training):
            for name, value in vars(table).items():  # what is larger is no float any more
                if isinstance(value, int) and name != "seed" and value > _MOST:
                    raise InputError(f"{name} is above 2^53; it must be a smaller number")
        patch, multiple = self.training.patch, self.architecture.multiple
        if patch % multiple:
            raise InputError(f"patch is {patch}; this architecture needs a multiple of {multiple}")
        if self.training.reuse > 1 and "zero" in self.architecture.fills:
            raise InputError(
                f"reuse is {self.training.reuse}; patches that are shown again are recoloured, "
                "which a zero fill does not follow: set reuse to 1"
            )

    def portable(self) -> dict[str, Any]:
        """The configuration as JSON gives it back, without where the data happen to lie."""
        table = json.loads(json.dumps(to_table(self)))
        for name in ("folder", "val_folder", "memory_mb"):
            del table["data"][name]
        return table

    def check_memory(self) -> None:
        """Refuse settings whose training cannot fit into this process's memory.

        Raises
        ------
        InputError
            Says what is too large. Only what is needed in any case is counted.
        """
        a, t, d = self.architecture, self.training, self.data
        weights = sum(map(math.prod, param_shapes(a).values()))
        check_fits(4 * 4 * weights, f"the architecture has {weights:.3g} weights")
        pixels = t.batch * t.patch**2
        values = 3 * (1 + len(a.fills)) * 4
        what = f"a batch of {t.batch} patches with {t.patch} pixels a side"
        check_fits(t.pool * pixels * values, f"{what}, of which {t.pool} are prepared together")
        features = pixels // a.fold**2 * a.channels
        check_fits(4 * features, f"{what} has {features:.3g} features")
        if d.dead_leaves_fraction:
            leaves = d.n_dead_leaves * d.dead_leaves_size**2
            check_fits(3 * leaves, f"n_dead_leaves = {d.n_dead_leaves} generated images")
