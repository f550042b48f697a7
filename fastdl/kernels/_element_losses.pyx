"""Losses that are means over elements, with their gradients, as functions on NumPy arrays."""

import numpy as np

cimport numpy as cnp
from cython cimport floating
from libc.float cimport DBL_MAX

from fastdl.kernels cimport _recording, _runtime
from fastdl.kernels._arrays cimport (
    FLOAT64,
    check_apart,
    check_not_empty,
    dtype_named,
    dtype_of,
    is_number,
    read,
    result,
    wrong_shape,
)
from fastdl.kernels._table cimport fastdl_loss, fastdl_queue
from fastdl.kernels.errors import HyperparameterError, LabelError

cnp.import_array()

# Numbers of losses, as in element_losses.hpp.
cdef enum:
    SIGMOID_CROSS_ENTROPY = 0
    SQUARED_ERROR = 1
    HUBER = 2


cdef Py_ssize_t _outside(const floating* t, Py_ssize_t size) noexcept nogil:
    """The place of the first that is not in [0, 1], or -1."""
    cdef Py_ssize_t first, i, end
    cdef int found
    for first in range(0, size, 1024):
        end = min(first + 1024, size)
        found = 0
        for i in range(first, end):
            found |= (t[i] < 0) | (t[i] > 1) | (t[i] != t[i])
        if found:
            for i in range(first, end):
                if not 0 <= t[i] <= 1:
                    return i
    return -1


cdef cnp.ndarray _real_targets(object targets, tuple shape, int dtype, str op):
    """The targets in C order, each of one prediction."""
    cdef cnp.ndarray array = read(targets, op, "targets", -1, dtype)
    if (<object>array).shape != shape:
        raise wrong_shape(op, "targets", None, shape, array)
    return array


cdef cnp.ndarray _probabilities(object targets, tuple shape, int dtype, str op):
    """The targets in C order, each of them checked to be in [0, 1]."""
    cdef cnp.ndarray array = _real_targets(targets, shape, dtype, op)
    cdef void* data = cnp.PyArray_DATA(array)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(array), place
    if dtype == FLOAT64:
        place = _outside(<const double*>data, size)
    else:
        place = _outside(<const float*>data, size)
    if place >= 0:
        key = tuple(map(int, np.unravel_index(place, shape)))
        raise LabelError("not a probability", op=op, arg="targets", key=key, expected="a number in [0, 1]",
                         got=str((<object>array)[key]))
    return array


def real_targets(targets, shape, dtype):
    """Return the targets of a regression as its losses take them, checked.

    Parameters
    ----------
    targets : ndarray
        Of that shape and dtype.
    shape : tuple of int
        That of the predictions.
    dtype : {"float32", "float64"}
        Theirs.

    Returns
    -------
    ndarray of that shape
        In C order; the targets themselves where they are.

    Raises
    ------
    DtypeError, ArrayError
        If they do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> t = np.zeros((2, 3))
    >>> kernels.real_targets(t, (2, 3), "float64") is t
    True
    """
    cdef str op = "real_targets"
    return _real_targets(targets, tuple(shape), dtype_named(dtype, op), op)


def probabilities(targets, shape, dtype):
    """Return the targets of sigmoids as :func:`sigmoid_cross_entropy` takes them, each of them checked.

    Parameters
    ----------
    targets : ndarray
        Of that shape and dtype, numbers in [0, 1].
    shape : tuple of int
        That of the logits.
    dtype : {"float32", "float64"}
        Theirs.

    Returns
    -------
    ndarray of that shape
        In C order; the targets themselves where they are.

    Raises
    ------
    DtypeError, ArrayError
        If they do not fit.
    LabelError
        If a target is not in [0, 1], with its index and value.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.probabilities(np.array([0.0, 1.0]), (2,), "float64")
    array([0., 1.])
    """
    cdef str op = "probabilities"
    return _probabilities(targets, tuple(shape), dtype_named(dtype, op), op)


cdef object _mean_loss(fastdl_loss f, object x, str x_name, object targets, object out, str op):
    cdef cnp.ndarray x_ = read(x, op, x_name, -1, -1), t_
    cdef int dtype = dtype_of(x_)
    check_not_empty(x_, op, x_name)
    if f.number == SIGMOID_CROSS_ENTROPY:
        t_ = _probabilities(targets, (<object>x_).shape, dtype, op)
    else:
        t_ = _real_targets(targets, (<object>x_).shape, dtype, op)
    cdef cnp.ndarray gradient = result(out, op, "out", cnp.PyArray_NDIM(x_), cnp.PyArray_DIMS(x_), dtype)
    if out is not None:
        check_apart([("out", gradient)], [(x_name, x_), ("targets", t_)], op)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* t_data = cnp.PyArray_DATA(t_)
    cdef void* gradient_data = cnp.PyArray_DATA(gradient)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x_)
    cdef cnp.ndarray total = np.empty(1)
    cdef double* loss = <double*>cnp.PyArray_DATA(total)
    cdef fastdl_queue queue = _runtime.enter((x_, t_, gradient, total))
    cdef bint done
    with nogil:
        done = _runtime.kernels().mean_loss[dtype](queue, f, size, x_data, t_data, loss, gradient_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    _recording.add_to_loss(total)
    return loss[0], gradient


def sigmoid_cross_entropy(logits, targets, out=None):
    """Return the mean cross-entropy of sigmoid(logits) against the targets, and its gradient, in one pass.

    ``loss = mean(max(x, 0) - x * t + log1p(exp(-abs(x))))``, ``gradient = (sigmoid(x) - t) / N`` for N logits x.

    Parameters
    ----------
    logits : ndarray of any shape
        float32 or float64, at least one element.
    targets : ndarray of the same shape
        Numbers in [0, 1]: 0 and 1 are the two classes.
    out : ndarray of the same shape, optional
        Where the gradient goes.

    Returns
    -------
    loss : float
        The mean over all elements, added up in double precision.
    gradient : ndarray of the same shape

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    LabelError
        If a target is not in [0, 1], with its index and value.

    Notes
    -----
    torch's ``binary_cross_entropy_with_logits`` and Keras's ``BinaryCrossentropy(from_logits=True)`` agree; the book has none.
    Here the gradient keeps its digits where sigmoid(x) is close to t, and the targets are checked.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> loss, gradient = kernels.sigmoid_cross_entropy(np.zeros(2), np.array([0.0, 1.0]))
    >>> print(f"{loss:.4f}", gradient)
    0.6931 [ 0.25 -0.25]
    """
    return _mean_loss(fastdl_loss(SIGMOID_CROSS_ENTROPY, 0), logits, "logits", targets, out, "sigmoid_cross_entropy")


def mean_squared_error(predictions, targets, out=None):
    """Return the mean of the squares of predictions - targets, and its gradient, in one pass.

    ``loss = mean((x - t)**2)``, ``gradient = 2 * (x - t) / N`` for N predictions x.

    Parameters
    ----------
    predictions : ndarray of any shape
        float32 or float64, at least one element.
    targets : ndarray of the same shape
    out : ndarray of the same shape, optional
        Where the gradient goes.

    Returns
    -------
    loss : float
        The mean over all elements, in double precision.
    gradient : ndarray of the same shape

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.

    Notes
    -----
    torch's ``MSELoss`` and Keras's ``MeanSquaredError`` agree. The book's ``mean_squared_error`` is half the sum over all
    elements: N / 2 times this one.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.mean_squared_error(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    (5.0, array([-1.,  3.]))
    """
    return _mean_loss(fastdl_loss(SQUARED_ERROR, 0), predictions, "predictions", targets, out, "mean_squared_error")


def huber(predictions, targets, delta=1.0, out=None):
    """Return the mean of Huber's loss of predictions - targets, and its gradient, in one pass.

    With d = x - t: ``d**2 / 2`` where abs(d) <= delta, and ``delta * (abs(d) - delta / 2)`` beyond; the gradient is
    ``clip(d, -delta, delta) / N`` for N predictions x.

    Parameters
    ----------
    predictions : ndarray of any shape
        float32 or float64, at least one element.
    targets : ndarray of the same shape
    delta : float
        Where the loss goes over from a square to a line, finite and > 0.
    out : ndarray of the same shape, optional
        Where the gradient goes.

    Returns
    -------
    loss : float
        The mean over all elements, in double precision.
    gradient : ndarray of the same shape

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If delta is not a finite number > 0.

    Notes
    -----
    Huber, "Robust Estimation of a Location Parameter", 1964. torch's ``HuberLoss`` and Keras's ``Huber`` agree; torch's
    ``SmoothL1Loss`` is this one divided by its beta, which is delta. The book has none.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.huber(np.array([1.0, 5.0]), np.array([2.0, 2.0]))
    (1.5, array([-0.5,  0.5]))
    """
    cdef str op = "huber"
    if not is_number(delta) or not 5e-324 <= delta <= DBL_MAX:
        raise HyperparameterError("out of range", op=op, arg="delta", expected="a finite number > 0", got=repr(delta))
    return _mean_loss(fastdl_loss(HUBER, delta), predictions, "predictions", targets, out, op)
