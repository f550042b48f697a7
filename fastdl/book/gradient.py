"""The book's numerical differentiation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastdl.errors import ArrayError, DtypeError

_H = 1e-4


def numerical_gradient(f: Callable[[NDArray[Any]], Any], x: NDArray[Any]) -> NDArray[Any]:
    """Return the gradient of f at x by central differences: ``(f(x + h) - f(x - h)) / (2 h)`` with h = 1e-4.

    Parameters
    ----------
    f : callable
        Returns a number for x. It is called twice for each element, with x itself, of which one element is changed
        meanwhile: a function that reads the array elsewhere, such as a network's loss, may ignore its argument.
    x : ndarray
        Floats, of any shape.

    Returns
    -------
    ndarray of x's shape and dtype

    Raises
    ------
    DtypeError
        If x is no array of floats.
    ArrayError
        If it is read-only, or f returns an array.

    Notes
    -----
    x is as it was afterwards, also where f raises.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import numerical_gradient
    >>> numerical_gradient(lambda x: x[0] ** 2 + 3 * x[1], np.array([2.0, 5.0])).round(6)
    array([4., 3.])
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        got = str(x.dtype) if isinstance(x, np.ndarray) else type(x).__qualname__
        raise DtypeError(
            "not an array of floats", op="numerical_gradient", arg="x", expected="float32 or float64", got=got
        )
    if not x.flags.writeable:
        raise ArrayError("read-only", op="numerical_gradient", arg="x", hint="Pass a writeable array")
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        before = x[place]
        try:
            x[place] = float(before) + _H
            above = f(x)
            x[place] = float(before) - _H
            below = f(x)
        finally:
            x[place] = before
        if np.ndim(above) or np.ndim(below):
            got = f"an array of shape {np.shape(above)}"
            raise ArrayError("not a number", op="numerical_gradient", arg="f", expected="a number for x", got=got)
        gradient[place] = (above - below) / (2 * _H)
    return gradient
