"""What all formulas share: their types, and writing a result where an array is to be changed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = tuple[Array, ...]


def store(target: Array, value: Array) -> Array:
    """Write `value` into `target` and return that; a number, which cannot be changed, is returned anew."""
    if not isinstance(target, np.ndarray):
        return value
    target[...] = value
    return target
