"""The ranges of hyper-parameters, each checked before every step."""

from __future__ import annotations

import math
import numbers

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


def checked(name: str, value: object, op: str) -> float:
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
    if type(value) is float:
        number = value
    elif (isinstance(value, numbers.Real) and not isinstance(value, bool)) or getattr(value, "shape", None) == ():
        try:
            number = float(value)  # type: ignore[arg-type]  # a NumPy scalar or array of no dimensions
        except (TypeError, ValueError, OverflowError):
            number = math.nan
    else:
        number = math.nan
    if 0 <= number < (1 if _RANGES[name] is _FRACTION else math.inf):
        return number
    raise HyperparameterError("out of range", op=op, arg=name, expected=_RANGES[name], got=repr(value))
