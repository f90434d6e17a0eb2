"""Progress of a training run: its bar, its log, and a checkpoint after each validation."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field

import numpy as np
from tqdm import tqdm

from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.training.optimizers import learning_rate
from bio_scnn.training.run_files import Log, RunFiles, draw_curves, save_state, write_log
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState
from bio_scnn.training.validation import ValidationSet


@dataclass
class Progress:
    """Told of every step, it keeps the log, and now and then validates and saves the run.

    Attributes
    ----------
    config, files, validation
        Of the run.
    photographs : str
        Digest of their names, see `bio_scnn.training.run_files.save_state`.
    log : list of dict
        Rows so far.
    done : int
        Steps before the first.
    quiet : bool
        Print nothing.
    bar : tqdm
    losses : list of float
        Of the steps since the last row.
    """

    config: Config
    files: RunFiles
    validation: ValidationSet
    photographs: str
    log: Log
    done: InitVar[int]
    quiet: bool
    bar: tqdm = field(init=False)
    losses: list[float] = field(default_factory=list)

    def __post_init__(self, done: int) -> None:
        steps, hidden = self.config.training.steps, self.quiet or None
        self.bar = tqdm(total=steps, initial=done, unit="step", disable=hidden, smoothing=0.05)

    def __call__(self, state: TrainingState, loss: float) -> None:
        """Take note of a step: the state after it, and its loss."""
        settings = self.config.training
        self.losses.append(loss)
        self.bar.update()
        validate = state.step % settings.validate_every == 0 or state.step == settings.steps
        if state.step % settings.log_every and not validate:
            return
        rate = learning_rate(settings, state.step - 1)
        row = {"step": state.step, "loss": float(np.mean(self.losses)), "learning_rate": rate}
        self.losses.clear()
        self.log.append(row)
        self.bar.set_postfix(loss=f"{row['loss']:.4f}", refresh=False)
        if validate:
            model = HybridSCNN(self.config.architecture, state.ema, self.config.lif)
            row |= self.validation.scores(model, settings.seed)
            self._save(state)

    def _save(self, state: TrainingState) -> None:
        """Say how the last validation went, and write the files that a run goes on from."""
        row = self.log[-1]
        if not self.quiet:
            scores = ", ".join(f"{kind} {row[f'psnr_{kind}']:.2f}" for kind in MASK_KINDS)
            tqdm.write(f"step {state.step}: loss {row['loss']:.4f}; hole PSNR (dB) {scores}")
        save_state(self.files.state, state, self.config, self.log, self.photographs)
        write_log(self.files.log, self.log)
        draw_curves(self.files.curves, self.log, self.files.name)
