"""Softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax(x: Array, out: Array | None = None) -> Array:
    """Turn every row of scores into probabilities: ``exp(x_c) / sum_k exp(x_k)``.

    The row's maximum is taken off first, which changes nothing but keeps exp from overflowing.

    Parameters
    ----------
    x : (B, C) array
    out : (B, C) array, optional
        Where the result goes; x itself to work in place. A fresh array when left out.

    Returns
    -------
    (B, C) array
        Rows of positive numbers with the sum 1.

    Examples
    --------
    >>> softmax(np.log([[1.0, 3.0]])).round(6)
    array([[0.25, 0.75]])
    """
    p: Array = np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    return p
