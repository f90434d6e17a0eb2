"""Progress of a training run: its bar or lines, its log, and its checkpoints."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from tqdm import tqdm

from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.runtime.files import encodable
from bio_scnn.training.optimizers import learning_rate
from bio_scnn.training.run_files import RunFiles, Snapshot, draw_curves, save_state, write_log
from bio_scnn.training.settings import Config
from bio_scnn.training.state import TrainingState
from bio_scnn.training.validation import Network, ValidationSet

# The first checkpoint comes within a minute, so that little is lost of a run that is just begun.
_FIRST_SAVE_S, _SAVE_EVERY_S = 45.0, 300.0
# Where nobody watches a bar, a line comes as often as this.
_LINE_EVERY_S = 30.0


@dataclass
class Progress:
    """Told of every step, it keeps the log, validates now and then, and saves the run.

    Attributes
    ----------
    config, files, validation
        Of the run.
    photographs : str
        Digest of their names, see `bio_scnn.training.run_files.save_state`.
    last : Snapshot
        Replaced as a whole after every step, so that a run can be interrupted anywhere.
    quiet : bool
        Print nothing.
    network_of : callable
        The network to validate, from its weights; in NumPy by default.
    bar : tqdm
    """

    config: Config
    files: RunFiles
    validation: ValidationSet
    photographs: str
    last: Snapshot
    quiet: bool
    network_of: Callable[[HybridSCNN], Network] = lambda model: model
    bar: tqdm = field(init=False)

    def __post_init__(self) -> None:
        # Ctrl-C in the middle of this import would leave parts of the package behind, on which
        # the next import stumbles: that of the curves of an interrupted run.
        importlib.import_module("matplotlib.figure")
        steps, hidden = self.config.training.steps, self.quiet or None
        self._first, self._begun = self.last.state.step, time.monotonic()
        self._save_at = self._begun + _FIRST_SAVE_S
        self.bar = tqdm(
            total=steps, initial=self._first, unit="step", disable=hidden, smoothing=0.05
        )
        if self.bar.disable:
            self._tell(f"training from step {self._first:,} to {steps:,}")
            self._line_at = self._begun + _LINE_EVERY_S / 3

    def __call__(self, state: TrainingState, loss: float) -> None:
        """Take note of a step: the state after it, and its loss."""
        settings = self.config.training
        _, losses, log = self.last
        losses = (*losses, loss)
        validate = state.step % settings.validate_every == 0 or state.step == settings.steps
        if state.step % settings.log_every == 0 or validate:
            rate = learning_rate(settings, state.step - 1)
            row = {"step": state.step, "loss": float(np.mean(losses)), "learning_rate": rate}
            self.bar.set_postfix(loss=f"{row['loss']:.4f}", refresh=False)
            if validate:
                model = HybridSCNN(
                    self.config.architecture, state.as_arrays().ema, self.config.lif
                )
                row |= self.validation.scores(self.network_of(model), settings.seed)
            log, losses = [*log, row], ()
        self.last = Snapshot(state, losses, log)
        self.bar.update()
        now = time.monotonic()
        if validate:
            self._tell(self._scores_line())
        elif self.bar.disable and now >= self._line_at:
            self._tell(self._rate_line(now))
        if validate or now >= self._save_at:
            self.save()

    def save(self) -> None:
        """Write the files that a run goes on from."""
        self._save_at = time.monotonic() + _SAVE_EVERY_S
        save_state(self.files.state, self.last, self.config, self.photographs)
        write_log(self.files.log, self.last.log)
        draw_curves(self.files.curves, self.last.log, self.files.name)

    def interrupted(self) -> None:
        """Save the run where it is, and say how it goes on."""
        self.save()
        step = self.last.state.step
        print(
            f"stopped after step {step:,}, saved in {encodable(str(self.files.state))}; "
            "the same command with --resume goes on from there",
            file=sys.stderr,
        )

    def _scores_line(self) -> str:
        row = self.last.log[-1]
        scores = ", ".join(f"{kind} {row[f'psnr_{kind}']:.2f}" for kind in MASK_KINDS)
        return f"step {row['step']:,}: loss {row['loss']:.4f}; hole PSNR (dB) {scores}"

    def _rate_line(self, now: float) -> str:
        settings, step = self.config.training, self.last.state.step
        speed = (step - self._first) / (now - self._begun)
        minutes = (settings.steps - step) / speed / 60
        known = [*self.last.losses, *(row["loss"] for row in self.last.log[-1:])]
        return (
            f"step {step:,} of {settings.steps:,}: loss {np.mean(known):.4f}, "
            f"{speed * settings.batch:.0f} patches/s, {minutes:.0f} min left"
        )

    def _tell(self, line: str) -> None:
        self._line_at = time.monotonic() + _LINE_EVERY_S
        if not self.quiet:
            tqdm.write(line)
