"""Layer normalization, as functions on NumPy arrays."""

cimport numpy as cnp
from libc.math cimport INFINITY

from fastdl.kernels cimport _runtime
from fastdl.kernels._arrays cimport check_apart, check_not_empty, dtype_of, places, read, read_like, read_row, result
from fastdl.kernels._batch_norm cimport number_up_to, statistics_of
from fastdl.kernels._table cimport fastdl_queue
from fastdl.kernels.errors import ArrayError

cnp.import_array()


cdef cnp.ndarray _rows(object value, str op, str arg, Py_ssize_t* rows, Py_ssize_t* features):
    """An array of (..., features)."""
    cdef cnp.ndarray array = read(value, op, arg, -1, -1)
    if cnp.PyArray_NDIM(array) < 1:
        raise ArrayError("wrong number of dimensions", op=op, arg=arg, expected="at least 1", got="shape ()")
    check_not_empty(array, op, arg)
    features[0] = cnp.PyArray_DIM(array, cnp.PyArray_NDIM(array) - 1)
    rows[0] = cnp.PyArray_SIZE(array) // features[0]
    return array


def layer_norm_forward(x, gamma, beta, eps=1e-5, out=None):
    """Return ``gamma * (x - mean) / sqrt(variance + eps) + beta`` with mean and variance over the last axis.

    Parameters
    ----------
    x : ndarray of shape (..., D)
        float32 or float64. All arrays of a call have one dtype, and one that is not in C order is copied first.
    gamma : ndarray of shape (D,)
        The scale of each feature.
    beta : ndarray of shape (D,)
        What is added to each feature.
    eps : float
        At least 0; keeps a row that is constant finite.
    out : tuple of two ndarrays, optional
        Where y and statistics go; C order, sharing no memory with the other arrays.

    Returns
    -------
    y : ndarray of x's shape
    statistics : ndarray of shape (3, number of rows)
        What :func:`layer_norm_backward` needs: mean, what rounding took off the mean, and 1 / sqrt(variance + eps).

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If eps is not possible.

    Notes
    -----
    Ba, Kiros and Hinton, "Layer Normalization", 2016. Mean and variance are computed in double precision around the mean.
    eps is torch's; Keras takes 1e-3.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> y, statistics = kernels.layer_norm_forward(np.array([[1.0, 3.0]]), np.array([2.0, 1.0]), np.zeros(2), eps=0)
    >>> y
    array([[-2.,  1.]])
    """
    cdef str op = "layer_norm_forward"
    cdef double eps_ = number_up_to(eps, op, "eps", INFINITY)
    cdef Py_ssize_t rows, features
    cdef cnp.ndarray x_ = _rows(x, op, "x", &rows, &features)
    cdef int dtype = dtype_of(x_)
    cdef cnp.ndarray gamma_ = read_row(gamma, features, op, "gamma", dtype)
    cdef cnp.ndarray beta_ = read_row(beta, features, op, "beta", dtype), y, statistics
    cdef cnp.npy_intp dims[2]
    dims[0], dims[1] = 3, rows
    out = places(out, 2, op, "(y, statistics)")
    y = result(out[0], op, "out[0]", cnp.PyArray_NDIM(x_), cnp.PyArray_DIMS(x_), dtype)
    statistics = result(out[1], op, "out[1]", 2, dims, dtype)
    if out[0] is not None or out[1] is not None:
        check_apart([("out[0]", y), ("out[1]", statistics)], [("x", x_), ("gamma", gamma_), ("beta", beta_)], op)

    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* gamma_data = cnp.PyArray_DATA(gamma_)
    cdef const void* beta_data = cnp.PyArray_DATA(beta_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    cdef void* statistics_data = cnp.PyArray_DATA(statistics)
    cdef fastdl_queue queue = _runtime.enter((x_, gamma_, beta_, y, statistics))
    cdef bint done
    with nogil:
        done = _runtime.kernels().layer_norm_forward[dtype](
            queue, rows, features, x_data, gamma_data, beta_data, eps_, y_data, statistics_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y, statistics


def layer_norm_backward(dout, x, gamma, statistics, out=None):
    """Return the gradients of a loss with respect to the arguments of :func:`layer_norm_forward`.

    With ``x_hat = (x - mean) / sqrt(variance + eps)``, ``g = dout * gamma`` and averages over the last axis:
    ``dgamma = sum(dout * x_hat)`` and ``dbeta = sum(dout)`` over all rows,
    ``dx = (g - average(g) - x_hat * average(g * x_hat)) / sqrt(variance + eps)``.

    Parameters
    ----------
    dout : ndarray of shape (..., D)
        The gradient with respect to the result of the forward pass.
    x : ndarray of the same shape
        The inputs of the forward pass.
    gamma : ndarray of shape (D,)
        The scale of the forward pass.
    statistics : ndarray of shape (3, number of rows)
        What the forward pass returned.
    out : tuple of three ndarrays, optional
        Where dx, dgamma and dbeta go.

    Returns
    -------
    dx : ndarray of the same shape
    dgamma : ndarray of shape (D,)
        Summed in double precision.
    dbeta : ndarray of shape (D,)
        Summed in double precision.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> x, gamma = np.array([[1.0, 3.0]]), np.ones(2)
    >>> y, statistics = kernels.layer_norm_forward(x, gamma, np.zeros(2), eps=0)
    >>> dx, dgamma, dbeta = kernels.layer_norm_backward(np.array([[1.0, 2.0]]), x, gamma, statistics)
    >>> dx, dgamma, dbeta
    (array([[0., 0.]]), array([-1.,  2.]), array([1., 2.]))
    """
    cdef str op = "layer_norm_backward"
    cdef Py_ssize_t rows, features
    cdef cnp.ndarray dout_ = _rows(dout, op, "dout", &rows, &features)
    cdef int dtype = dtype_of(dout_)
    cdef cnp.ndarray x_ = read_like(x, dout_, op, "x")
    cdef cnp.ndarray gamma_ = read_row(gamma, features, op, "gamma", dtype)
    cdef cnp.ndarray statistics_ = statistics_of(statistics, rows, op, dtype), dx, dgamma, dbeta
    cdef cnp.npy_intp width = features
    out = places(out, 3, op, "(dx, dgamma, dbeta)")
    dx = result(out[0], op, "out[0]", cnp.PyArray_NDIM(dout_), cnp.PyArray_DIMS(dout_), dtype)
    dgamma = result(out[1], op, "out[1]", 1, &width, dtype)
    dbeta = result(out[2], op, "out[2]", 1, &width, dtype)
    if out[0] is not None or out[1] is not None or out[2] is not None:
        check_apart(
            [("out[0]", dx), ("out[1]", dgamma), ("out[2]", dbeta)],
            [("dout", dout_), ("x", x_), ("gamma", gamma_), ("statistics", statistics_)],
            op,
        )

    cdef const void* dout_data = cnp.PyArray_DATA(dout_)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* gamma_data = cnp.PyArray_DATA(gamma_)
    cdef const void* statistics_data = cnp.PyArray_DATA(statistics_)
    cdef void* dx_data = cnp.PyArray_DATA(dx)
    cdef void* dgamma_data = cnp.PyArray_DATA(dgamma)
    cdef void* dbeta_data = cnp.PyArray_DATA(dbeta)
    cdef fastdl_queue queue = _runtime.enter((dout_, x_, gamma_, statistics_, dx, dgamma, dbeta))
    cdef bint done
    with nogil:
        done = _runtime.kernels().layer_norm_backward[dtype](
            queue, rows, features, dout_data, x_data, gamma_data, statistics_data, dx_data, dgamma_data, dbeta_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return dx, dgamma, dbeta
