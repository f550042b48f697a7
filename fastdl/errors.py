"""fastdl's errors, by their public address."""

from fastdl.kernels.errors import (
    AliasError,
    ArrayError,
    CheckpointError,
    DataError,
    DtypeError,
    FastdlError,
    HyperparameterError,
    KeyMismatchError,
    LabelError,
    MissingDependencyError,
    ParallelError,
    RuleError,
)

__all__ = [
    "AliasError",
    "ArrayError",
    "CheckpointError",
    "DataError",
    "DtypeError",
    "FastdlError",
    "HyperparameterError",
    "KeyMismatchError",
    "LabelError",
    "MissingDependencyError",
    "ParallelError",
    "RuleError",
]
