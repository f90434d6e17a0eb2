"""Training of the hybrid network: batches, gradients, the loop, and the files of a run."""

from bio_scnn.training.batches import Batch, batch_of
from bio_scnn.training.gradients import loss_and_grads
from bio_scnn.training.loop import fit
from bio_scnn.training.run import train
from bio_scnn.training.run_files import RunFiles
from bio_scnn.training.settings import Config, TrainingSettings
from bio_scnn.training.state import TrainingState, initial_state

__all__ = [
    "Batch",
    "Config",
    "RunFiles",
    "TrainingSettings",
    "TrainingState",
    "batch_of",
    "fit",
    "initial_state",
    "loss_and_grads",
    "train",
]
