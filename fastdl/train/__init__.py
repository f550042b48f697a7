"""Training: `Trainer` runs the epochs, `History` keeps their course, `evaluate` measures a network.

`diagnose` and the callback `Diagnostics` look into it. `save_checkpoint` and `load_checkpoint` keep a run in a file.
"""

from fastdl.train.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from fastdl.train.diagnostics import Diagnosis, Diagnostics, LayerDiagnosis, diagnose, update_ratios
from fastdl.train.evaluation import evaluate
from fastdl.train.history import EpochRecord, History, StepRecord
from fastdl.train.stopping import StopTraining
from fastdl.train.trainer import Trainer

__all__ = [
    "Checkpoint",
    "Diagnosis",
    "Diagnostics",
    "EpochRecord",
    "History",
    "LayerDiagnosis",
    "StepRecord",
    "StopTraining",
    "Trainer",
    "diagnose",
    "evaluate",
    "load_checkpoint",
    "save_checkpoint",
    "update_ratios",
]
