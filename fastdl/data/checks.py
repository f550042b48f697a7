"""The checks that numbers and arrays of this package go through."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import ArrayError, HyperparameterError


def integer(value: object, *, op: str, arg: str, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int, or raise HyperparameterError: no bool, and within ``low`` to ``high``."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < low or (high is not None and number > high):
        bounds = f"of {low} or more" if high is None else f"from {low} to {high}"
        raise HyperparameterError(
            "not an integer in its range", op=op, arg=arg, expected=f"an integer {bounds}", got=repr(value)
        )
    return number


def finite(array: NDArray[Any], *, op: str, arg: str) -> None:
    """Raise ArrayError where an array has a number that is not finite; it tells the first index."""
    index = first_not_finite(array)
    if index is not None:
        raise ArrayError(
            "not finite", op=op, arg=arg, expected="finite numbers", got=f"{array[index]} at index {index}"
        )


def first_not_finite(array: NDArray[Any]) -> tuple[int, ...] | None:
    """Return the index of an array's first number that is an infinity or a NaN; None where all are finite."""
    if array.dtype.kind != "f":
        return None
    is_finite = np.isfinite(array)
    return None if is_finite.all() else tuple(map(int, np.unravel_index(is_finite.argmin(), array.shape)))
