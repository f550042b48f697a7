"""The ranges of hyper-parameters, each checked before every step."""

from __future__ import annotations

import math
import numbers
from typing import Any, NamedTuple

import numpy as np

from fastdl.errors import HyperparameterError


class _Range(NamedTuple):
    words: str
    lowest: float
    below: float  # the value itself is outside


_NOT_NEGATIVE = _Range("a finite number >= 0", 0, math.inf)
_FRACTION = _Range("a number in [0, 1)", 0, 1)
_RANGES = {
    "lr": _NOT_NEGATIVE,
    "eps": _NOT_NEGATIVE,
    "weight_decay": _NOT_NEGATIVE,
    "clip_norm": _NOT_NEGATIVE,
    "clip_value": _NOT_NEGATIVE,
    "ema": _FRACTION,
    "momentum": _FRACTION,
    "rho": _FRACTION,
    "beta1": _FRACTION,
    "beta2": _FRACTION,
    "momentum_decay": _Range("a number >= 0", 0, math.nan),
    "l1": _NOT_NEGATIVE,
    "l2": _NOT_NEGATIVE,
    "l2_shrinkage": _NOT_NEGATIVE,
    "beta": _NOT_NEGATIVE,
}
_ANY = _Range("a finite number", -math.inf, math.inf)  # of a rule that a user wrote


def checked(name: str, value: Any, op: str) -> float:
    """Return the hyper-parameter as a float.

    Parameters
    ----------
    name : str
        Which one it is.
    value : float
        A Python or NumPy number, or an array of no dimensions.
    op : str
        What the error calls the optimizer.

    Returns
    -------
    float

    Raises
    ------
    HyperparameterError
        If it is not a number, or outside the range.

    Examples
    --------
    >>> checked("lr", 0.1, "sgd")
    0.1
    """
    number = value if type(value) is float else _as_float(value)
    words, lowest, below = _RANGES.get(name, _ANY)
    if number >= lowest and not number >= below:
        return number
    raise HyperparameterError("out of range", op=op, arg=name, expected=words, got=repr(value))


def _as_float(value: Any) -> float:
    """A real number or such an array of no dimensions as a float, anything else as NaN."""
    if isinstance(value, np.ndarray):
        is_number = value.ndim == 0 and value.dtype.kind in "iuf"
    else:
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        return float(value) if is_number else math.nan
    except OverflowError:  # an integer of hundreds of digits
        return math.nan
