"""Which epoch is better than another."""

from __future__ import annotations

import math
from typing import Literal, get_args

from fastdl.errors import HyperparameterError
from fastdl.train.history import EpochRecord

Metric = Literal["loss", "validation_loss", "validation_accuracy"]


def checked_metric(metric: str, op: str, arg: str) -> Metric:
    """Return the name of a metric, or raise HyperparameterError.

    Parameters
    ----------
    metric : str
        Of an `EpochRecord`.
    op, arg : str
        What the error calls the one who asks.
    """
    for known in get_args(Metric):
        if metric == known:
            return known  # type: ignore[no-any-return]
    raise HyperparameterError(
        "not a metric", op=op, arg=arg, expected=f"one of {', '.join(get_args(Metric))}", got=repr(metric)
    )


def value_of(record: EpochRecord, metric: Metric, op: str) -> float:
    """Return a metric of an epoch, such that smaller is better; NaN becomes infinity.

    Parameters
    ----------
    record : EpochRecord
    metric : str
    op : str
        What the error calls the one who asks.

    Raises
    ------
    HyperparameterError
        If there is none: it is of validation data, which were not given.

    Examples
    --------
    >>> value_of(EpochRecord(1, 10, 0.5, 0.75, 0.9, 1.0), "validation_accuracy", "EarlyStopping")
    -0.9
    """
    value: float | None = getattr(record, metric)
    if value is None:
        raise HyperparameterError(
            "there is no validation data", op=op, arg="metric", got=repr(metric),
            hint="Give fit() validation=(x, t), or choose the metric 'loss'",
        )  # fmt: skip
    if math.isnan(value):
        return math.inf
    return -value if metric == "validation_accuracy" else value
