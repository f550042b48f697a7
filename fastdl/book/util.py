"""The book's tools for data and curves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl.errors import ArrayError

Array = NDArray[Any]


def smooth_curve(x: ArrayLike) -> NDArray[np.float64]:
    """Return a curve smoothed by a Kaiser window of 11 values, for drawing losses.

    Parameters
    ----------
    x : array or list of numbers
        The curve, of at least one value. At its ends it is continued as its mirror image.

    Returns
    -------
    ndarray of the same length

    Raises
    ------
    ArrayError
        If it is no curve.

    Notes
    -----
    The window is ``numpy.kaiser(11, 2)``, as in the book. Of fewer than 11 values the book's code returns fewer.

    Examples
    --------
    >>> from fastdl.book import smooth_curve
    >>> smooth_curve([1.0] * 20).round(6).tolist() == [1.0] * 20
    True
    """
    curve = np.asarray(x, dtype=np.float64)
    if curve.ndim != 1 or curve.size == 0:
        raise ArrayError("not a curve", op="smooth_curve", arg="x", expected="a row of numbers", got=f"{curve.shape}")
    window = np.kaiser(11, 2)
    half = len(window) // 2
    continued = np.pad(np.pad(curve, (half, 0), "reflect"), (0, half), "symmetric")
    return np.convolve(window / window.sum(), continued, mode="valid")


def shuffle_dataset(x: Array, t: Array) -> tuple[Array, Array]:
    """Return inputs and targets in one random order, drawn from NumPy's global random state.

    Parameters
    ----------
    x : ndarray of shape (N, ...)
        Inputs.
    t : ndarray of shape (N, ...)
        Their targets.

    Returns
    -------
    x : ndarray
        A copy.
    t : ndarray
        A copy.

    Raises
    ------
    ArrayError
        If they are not equally many.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import shuffle_dataset
    >>> np.random.seed(0)
    >>> shuffle_dataset(np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 2]))
    (array([[2.],
           [1.],
           [0.]]), array([2, 1, 0]))
    """
    x, t = np.asarray(x), np.asarray(t)
    if len(x) != len(t):
        raise ArrayError("not as many as x", op="shuffle_dataset", arg="t", expected=str(len(x)), got=str(len(t)))
    order = np.random.permutation(len(x))  # noqa: NPY002 - a script's numpy.random.seed is to count
    return x[order], t[order]
