"""Training of the hybrid network: batches, gradients, the loop, and the files of a run."""

from bio_scnn.training.loop import fit
from bio_scnn.training.run import train
from bio_scnn.training.settings import Config, TrainingSettings

__all__ = ["Config", "TrainingSettings", "fit", "train"]
