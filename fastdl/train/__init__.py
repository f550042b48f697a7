"""Training: `Trainer` runs the epochs, `History` keeps their course, `evaluate` measures a network.

`diagnose` looks into it. `save_checkpoint` and `load_checkpoint` keep a run in a file. The trainer's callbacks are
`Checkpoints`, `Diagnostics`, `EarlyStopping`, `MetricsLog`, or any function of a record.
"""

from fastdl.train.checkpoints import Checkpoint, Checkpoints, latest_checkpoint, load_checkpoint, save_checkpoint
from fastdl.train.diagnostics import Diagnosis, Diagnostics, LayerDiagnosis, diagnose, update_ratios
from fastdl.train.early_stopping import EarlyStopping
from fastdl.train.evaluation import evaluate
from fastdl.train.history import EpochRecord, History, StepRecord
from fastdl.train.metrics_log import MetricsLog
from fastdl.train.stopping import StopTraining
from fastdl.train.trainer import Trainer

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "Diagnosis",
    "Diagnostics",
    "EarlyStopping",
    "EpochRecord",
    "History",
    "LayerDiagnosis",
    "MetricsLog",
    "StepRecord",
    "StopTraining",
    "Trainer",
    "diagnose",
    "evaluate",
    "latest_checkpoint",
    "load_checkpoint",
    "save_checkpoint",
    "update_ratios",
]
