"""The sum of two arrays, with the activation that follows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.reference.activations import activation_forward

Array = NDArray[Any]


def add(a: Array, b: Array, activation: str = "identity", out: Array | None = None) -> Array:
    """Add two arrays, and apply an activation function to every element of the sum.

    Parameters
    ----------
    a : array of any shape
    b : array like a
    activation : str
        A name in ``ACTIVATIONS`` that is not in ``NEED_INPUT``.
    out : array like a, optional
        Where the result goes; a or b itself to work in place. A fresh array when left out.

    Returns
    -------
    array like a

    Examples
    --------
    >>> add(np.array([1.0, -3.0]), np.array([1.0, 1.0]), "relu")
    array([2., 0.])
    """
    y: Array = np.empty_like(a) if out is None else out
    np.add(a, b, out=y)
    return activation_forward(y, activation, out=y)
