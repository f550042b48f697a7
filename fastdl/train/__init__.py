"""Training: `Trainer` runs the epochs, `History` keeps their course, `evaluate` measures a network."""

from fastdl.train.evaluation import evaluate
from fastdl.train.history import EpochRecord, History
from fastdl.train.trainer import StepRecord, Trainer

__all__ = ["EpochRecord", "History", "StepRecord", "Trainer", "evaluate"]
