"""Training: `Trainer` runs the epochs, `History` keeps their course, `evaluate` measures a network.

`diagnose` and the callback `Diagnostics` look into it.
"""

from fastdl.train.diagnostics import Diagnosis, Diagnostics, LayerDiagnosis, diagnose, update_ratios
from fastdl.train.evaluation import evaluate
from fastdl.train.history import EpochRecord, History, StepRecord
from fastdl.train.trainer import Trainer

__all__ = [
    "Diagnosis",
    "Diagnostics",
    "EpochRecord",
    "History",
    "LayerDiagnosis",
    "StepRecord",
    "Trainer",
    "diagnose",
    "evaluate",
    "update_ratios",
]
