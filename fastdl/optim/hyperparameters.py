"""The ranges of hyper-parameters, each checked before every step."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from fastdl.errors import HyperparameterError

_NOT_NEGATIVE = "a finite number >= 0"
_FRACTION = "a number in [0, 1)"

_RANGES = {
    "lr": _NOT_NEGATIVE,
    "eps": _NOT_NEGATIVE,
    "momentum": _FRACTION,
    "beta1": _FRACTION,
    "beta2": _FRACTION,
}


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
    if 0 <= number < (1 if _RANGES[name] is _FRACTION else math.inf):
        return number
    raise HyperparameterError("out of range", op=op, arg=name, expected=_RANGES[name], got=repr(value))


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
