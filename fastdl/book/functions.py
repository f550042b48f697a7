"""The book's functions: activations, softmax and cross-entropy, of arrays of any real dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastdl import kernels
from fastdl.errors import ArrayError, DtypeError

Array = NDArray[Any]


def floats(x: Any, op: str, dtype: Any = None) -> Array:
    """Return numbers as an array in C order of float64, or as they are where they are float32.

    Parameters
    ----------
    x : array or number
        Real numbers: pixels in uint8 will do.
    op : str
        What the error calls the operation.
    dtype : dtype, optional
        The one that they shall have in any case.

    Returns
    -------
    ndarray
        Of the same shape; x itself where it is such an array.

    Raises
    ------
    DtypeError
        If they are no numbers.
    """
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise DtypeError("not real numbers", op=op, arg="x", expected="floats or integers", got=str(array.dtype))
    if dtype is None:
        dtype = np.float32 if array.dtype == np.float32 else np.float64
    return np.asarray(array, dtype=dtype, order="C")


def dtype_of(parameter: Any) -> Any:
    """Return the dtype that a layer with this parameter computes in; None where no layer does.

    Parameters
    ----------
    parameter : ndarray
        Such as its weights.

    Returns
    -------
    dtype or None
        Without one `floats` leaves float32 and float64 as they are, and the kernel refuses the parameter by its name.
    """
    dtype = getattr(parameter, "dtype", None)
    return dtype if dtype in (np.float32, np.float64) else None


def sigmoid(x: ArrayLike) -> Array:
    """Return ``1 / (1 + exp(-x))`` of each element.

    Parameters
    ----------
    x : array or number
        Of any shape.

    Returns
    -------
    ndarray, or a number
        Of the same shape; float32 for float32, else float64. No large number overflows.

    Raises
    ------
    DtypeError
        If x holds no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import sigmoid
    >>> sigmoid(np.array([0.0, -1000.0]))
    array([0.5, 0. ])
    """
    return _activation(x, "sigmoid")


def relu(x: ArrayLike) -> Array:
    """Return ``max(x, 0)`` of each element.

    Parameters
    ----------
    x : array or number
        Of any shape.

    Returns
    -------
    ndarray, or a number
        Of the same shape; float32 for float32, else float64.

    Raises
    ------
    DtypeError
        If x holds no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import relu
    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return _activation(x, "relu")


def _activation(x: ArrayLike, name: str) -> Array:
    result: Array = kernels.activation_forward(floats(x, name), name)[()]  # a number of a number
    return result


def softmax(x: ArrayLike) -> Array:
    """Return the softmax of each row, or of a single one: ``exp(x - max) / sum(exp(x - max))``.

    Parameters
    ----------
    x : array of shape (C,) or (B, C)
        One row of logits, or a batch.

    Returns
    -------
    ndarray of the same shape
        float32 for float32, else float64.

    Raises
    ------
    DtypeError, ArrayError
        If x is something else.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import softmax
    >>> softmax(np.zeros(4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    logits = floats(x, "softmax")
    return kernels.softmax(np.atleast_2d(logits)).reshape(logits.shape)


def cross_entropy_error(y: ArrayLike, t: ArrayLike) -> float:
    """Return the mean over the batch of ``-log(y[label] + 1e-7)``.

    Parameters
    ----------
    y : array of shape (C,) or (B, C)
        Probabilities of the classes, as `softmax` returns them.
    t : array
        One class number for each row of y, or one-hot rows of y's shape; a number for a single row.

    Returns
    -------
    float
        From 0, but for the 1e-7, to 16.1.

    Raises
    ------
    DtypeError, ArrayError, LabelError
        If y or t does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl.book import cross_entropy_error
    >>> round(cross_entropy_error(np.array([[0.5, 0.5], [1.0, 0.0]]), np.array([1, 0])), 4)
    0.3466
    """
    y = np.atleast_2d(floats(y, "cross_entropy_error"))
    if y.ndim != 2 or y.size == 0:
        raise ArrayError("wrong shape", op="cross_entropy_error", arg="y", expected="(C,) or (B, C)", got=f"{y.shape}")
    t = np.asarray(t)
    labels = kernels.class_numbers(t.reshape(y.shape) if t.size == y.size else t.reshape(-1), *y.shape)
    return float(-np.mean(np.log(y[np.arange(len(y)), labels] + 1e-7)))
