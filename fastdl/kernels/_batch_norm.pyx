"""Batch normalization, as functions on NumPy arrays."""

cimport numpy as cnp
from libc.math cimport INFINITY

from fastdl.kernels cimport _runtime
from fastdl.kernels._activations cimport fusible_activation
from fastdl.kernels._arrays cimport (
    check_apart,
    check_not_empty,
    dtype_of,
    is_number,
    places,
    read,
    read_like,
    read_row,
    result,
    wrong_shape,
)
from fastdl.kernels._table cimport fastdl_activation, fastdl_channels, fastdl_queue, fastdl_running
from fastdl.kernels.errors import ArrayError, HyperparameterError

cnp.import_array()


cdef double number_up_to(object value, str op, str arg, double highest) except? -1:
    """A number from 0 to `highest`, or below infinity."""
    if is_number(value) and 0 <= value <= highest and value < INFINITY:
        return value
    raise HyperparameterError(
        "not possible", op=op, arg=arg, expected=f"from 0 to {highest:g}" if highest < INFINITY else "a finite number >= 0",
        got=repr(value),
    )


cdef cnp.ndarray statistics_of(object value, Py_ssize_t count, str op, int dtype):
    cdef cnp.ndarray array = read(value, op, "statistics", 2, dtype)
    if cnp.PyArray_DIM(array, 0) != 3 or cnp.PyArray_DIM(array, 1) != count:
        raise wrong_shape(op, "statistics", None, (3, count), array)
    return array


cdef cnp.ndarray batch_of(object value, str op, str arg, fastdl_channels* shape):
    """An array of (samples, channels, ...)."""
    cdef cnp.ndarray array = read(value, op, arg, -1, -1)
    if cnp.PyArray_NDIM(array) < 2:
        raise ArrayError(
            "wrong number of dimensions", op=op, arg=arg, expected="at least 2", got=f"shape {(<object>array).shape}",
        )
    check_not_empty(array, op, arg)
    shape.samples, shape.channels = cnp.PyArray_DIM(array, 0), cnp.PyArray_DIM(array, 1)
    shape.size = cnp.PyArray_SIZE(array) // (shape.samples * shape.channels)
    return array


cdef tuple running_of(object running, object momentum, object ddof, Py_ssize_t count, Py_ssize_t channels, str op, int dtype,
                      fastdl_running* past):
    """Mean and variance that go on with a batch of so many numbers a channel, or None and None."""
    past.momentum = number_up_to(momentum, op, "momentum", 1.0)
    if ddof not in (0, 1):
        raise HyperparameterError("not possible", op=op, arg="ddof", expected="0 or 1", got=repr(ddof))
    past.correction = <double>count / (count - <int>ddof)
    past.mean = past.variance = NULL
    if running is None:
        return None, None
    if not isinstance(running, tuple) or len(running) != 2 or running[0] is None or running[1] is None:
        raise ArrayError("not a tuple of two arrays", op=op, arg="running", expected="(mean, variance)")
    cdef cnp.npy_intp length = channels
    cdef cnp.ndarray mean = result(running[0], op, "running[0]", 1, &length, dtype)
    cdef cnp.ndarray variance = result(running[1], op, "running[1]", 1, &length, dtype)
    past.mean, past.variance = cnp.PyArray_DATA(mean), cnp.PyArray_DATA(variance)
    return mean, variance


cdef cnp.ndarray output_for_slope(object y, cnp.ndarray like, fastdl_activation f, str op, object activation):
    """The output that an activation's derivative is computed from; of the identity any array."""
    if f.number == 0:
        return like
    if y is None:
        raise ArrayError(
            "missing", op=op, arg="y", expected=f"shape {(<object>like).shape}", got="None",
            hint=f"Pass what the forward pass returned: the derivative of {activation} is computed from it",
        )
    return read_like(y, like, op, "y")


def batch_norm_forward(
    x, gamma, beta, eps=1e-6, activation="identity", running=None, momentum=0.9, ddof=0, out=None
):
    """Return ``activation(gamma * (x - mean) / sqrt(variance + eps) + beta)`` with the batch's mean and variance.

    Parameters
    ----------
    x : ndarray of shape (B, C) or (B, C, ...)
        A batch of B inputs with C channels, float32 or float64; at least two numbers of each channel. All arrays of a call
        have one dtype, and one that is not in C order is copied first.
    gamma : ndarray of shape (C,)
        The scale of each channel.
    beta : ndarray of shape (C,)
        What is added to each channel.
    eps : float
        At least 0; keeps a channel that is constant finite.
    activation : str
        Computed in the same pass: one of :data:`fastdl.kernels.ACTIVATIONS`, with its default alpha, but none of
        :data:`~fastdl.kernels.NEED_INPUT`.
    running : tuple of two ndarrays of shape (C,), optional
        Running mean and variance, changed in place: ``momentum * running + (1 - momentum) * batch``.
    momentum : float
        From 0 to 1: the share of the running statistics that stays.
    ddof : {0, 1}
        The variance that goes into the running one is the sum of squares divided by ``n - ddof``.
    out : tuple of two ndarrays, optional
        Where y and statistics go; C order, sharing no memory with the other arrays.

    Returns
    -------
    y : ndarray of x's shape
    statistics : ndarray of shape (3, C)
        What :func:`batch_norm_backward` needs: mean, what rounding took off the mean, and 1 / sqrt(variance + eps).

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit, or the batch has one number a channel; nothing has been written then.
    HyperparameterError
        If eps, momentum, ddof or the activation is not possible.

    Notes
    -----
    Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift",
    2015. Mean and variance (of n, not n - 1) are computed from the differences to a rough mean, in double precision but for
    sums of four, so that numbers far from 0 keep their digits. In float32 their squares must be in range: deviations
    beyond 1e19 have no variance. ``momentum`` is the book's and Keras's; torch's is 1 minus it. The book and Keras take ``ddof=0``,
    torch takes 1. eps is 1e-6 here ("10e-7" in the book), 1e-5 in torch, 1e-3 in Keras.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> x = np.array([[1.0, 5.0], [3.0, 5.0]])
    >>> y, statistics = kernels.batch_norm_forward(x, np.array([2.0, 1.0]), np.array([0.0, 7.0]), eps=0.0001)
    >>> y.round(3)
    array([[-2.,  7.],
           [ 2.,  7.]])
    """
    cdef str op = "batch_norm_forward"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef double eps_ = number_up_to(eps, op, "eps", INFINITY)
    cdef fastdl_channels shape
    cdef fastdl_running past
    cdef cnp.ndarray x_ = batch_of(x, op, "x", &shape)
    cdef int dtype = dtype_of(x_)
    cdef cnp.ndarray gamma_ = read_row(gamma, shape.channels, op, "gamma", dtype)
    cdef cnp.ndarray beta_ = read_row(beta, shape.channels, op, "beta", dtype), mean, variance, y, statistics
    cdef cnp.npy_intp dims[2]
    cdef Py_ssize_t count = shape.samples * shape.size
    if count == 1:
        raise ArrayError(
            "one number a channel has no variance", op=op, arg="x", expected="at least two", got=f"shape {x.shape}",
            hint="Train on larger batches, or use batch_norm_inference",
        )
    dims[0], dims[1] = 3, shape.channels
    mean, variance = running_of(running, momentum, ddof, count, shape.channels, op, dtype, &past)
    out = places(out, 2, op, "(y, statistics)")
    y = result(out[0], op, "out[0]", cnp.PyArray_NDIM(x_), cnp.PyArray_DIMS(x_), dtype)
    statistics = result(out[1], op, "out[1]", 2, dims, dtype)
    if out[0] is not None or out[1] is not None or running is not None:
        check_apart(
            [("out[0]", y), ("out[1]", statistics), ("running[0]", mean), ("running[1]", variance)],
            [("x", x_), ("gamma", gamma_), ("beta", beta_)],
            op,
        )

    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* gamma_data = cnp.PyArray_DATA(gamma_)
    cdef const void* beta_data = cnp.PyArray_DATA(beta_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    cdef void* statistics_data = cnp.PyArray_DATA(statistics)
    cdef fastdl_queue queue = _runtime.enter((x_, gamma_, beta_, mean, variance, y, statistics))
    cdef bint done
    with nogil:
        done = _runtime.kernels().batch_norm_forward[dtype](
            queue, &shape, x_data, gamma_data, beta_data, eps_, f, &past, y_data, statistics_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y, statistics


def batch_norm_inference(x, gamma, beta, mean, variance, eps=1e-6, activation="identity", out=None):
    """Return ``activation(gamma * (x - mean) / sqrt(variance + eps) + beta)`` with mean and variance that are given.

    Parameters
    ----------
    x : ndarray of shape (B, C) or (B, C, ...)
        A batch of B inputs with C channels, float32 or float64. All arrays of a call have one dtype, and one that is not in
        C order is copied first.
    gamma : ndarray of shape (C,)
        The scale of each channel.
    beta : ndarray of shape (C,)
        What is added to each channel.
    mean : ndarray of shape (C,)
        As a rule the running mean of :func:`batch_norm_forward`.
    variance : ndarray of shape (C,)
        As a rule the running variance.
    eps : float
        At least 0.
    activation : str
        Computed in the same pass: one of :data:`fastdl.kernels.ACTIVATIONS`, with its default alpha, but none of
        :data:`~fastdl.kernels.NEED_INPUT`.
    out : ndarray of x's shape, optional
        Where the result goes; C order, sharing no memory with the other arrays.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If eps or the activation is not possible.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> one = np.ones(1)
    >>> kernels.batch_norm_inference(np.array([[5.0]]), one, one, one, 4 * one, eps=0)
    array([[3.]])
    """
    cdef str op = "batch_norm_inference"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef double eps_ = number_up_to(eps, op, "eps", INFINITY)
    cdef fastdl_channels shape
    cdef cnp.ndarray x_ = batch_of(x, op, "x", &shape)
    cdef int dtype = dtype_of(x_)
    cdef cnp.ndarray gamma_ = read_row(gamma, shape.channels, op, "gamma", dtype)
    cdef cnp.ndarray beta_ = read_row(beta, shape.channels, op, "beta", dtype)
    cdef cnp.ndarray mean_ = read_row(mean, shape.channels, op, "mean", dtype)
    cdef cnp.ndarray variance_ = read_row(variance, shape.channels, op, "variance", dtype)
    cdef cnp.ndarray y = result(out, op, "out", cnp.PyArray_NDIM(x_), cnp.PyArray_DIMS(x_), dtype)
    if out is not None:
        check_apart(
            [("out", y)],
            [("x", x_), ("gamma", gamma_), ("beta", beta_), ("mean", mean_), ("variance", variance_)],
            op,
        )

    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* gamma_data = cnp.PyArray_DATA(gamma_)
    cdef const void* beta_data = cnp.PyArray_DATA(beta_)
    cdef const void* mean_data = cnp.PyArray_DATA(mean_)
    cdef const void* variance_data = cnp.PyArray_DATA(variance_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    cdef fastdl_queue queue = _runtime.enter((x_, gamma_, beta_, mean_, variance_, y))
    cdef bint done
    with nogil:
        done = _runtime.kernels().batch_norm_inference[dtype](
            queue, &shape, x_data, gamma_data, beta_data, mean_data, variance_data, eps_, f, y_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y


def batch_norm_backward(dout, x, gamma, statistics, y=None, activation="identity", out=None):
    """Return the gradients of a loss with respect to the arguments of :func:`batch_norm_forward`.

    With ``x_hat = (x - mean) / sqrt(variance + eps)``, ``dz = dout * activation'(y)`` and averages over the batch:
    ``dgamma = sum(dz * x_hat)``, ``dbeta = sum(dz)``,
    ``dx = gamma / sqrt(variance + eps) * (dz - average(dz) - x_hat * average(dz * x_hat))``.

    Parameters
    ----------
    dout : ndarray of shape (B, C) or (B, C, ...)
        The gradient with respect to the result of the forward pass.
    x : ndarray of the same shape
        The inputs of the forward pass.
    gamma : ndarray of shape (C,)
        The scale of the forward pass.
    statistics : ndarray of shape (3, C)
        What the forward pass returned.
    y : ndarray of the same shape, optional
        The result of the forward pass; needed unless the activation is the identity.
    activation : str
        That of the forward pass.
    out : tuple of three ndarrays, optional
        Where dx, dgamma and dbeta go.

    Returns
    -------
    dx : ndarray of the same shape
    dgamma : ndarray of shape (C,)
        Summed in double precision, four terms at a time in that of the arrays.
    dbeta : ndarray of shape (C,)
        Summed in double precision, four terms at a time in that of the arrays.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If the activation is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> x, gamma = np.array([[1.0], [3.0]]), np.array([2.0])
    >>> y, statistics = kernels.batch_norm_forward(x, gamma, np.zeros(1), eps=0)
    >>> dx, dgamma, dbeta = kernels.batch_norm_backward(np.array([[1.0], [0.0]]), x, gamma, statistics)
    >>> dx.ravel(), dgamma, dbeta
    (array([0., 0.]), array([-1.]), array([1.]))
    """
    cdef str op = "batch_norm_backward"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef fastdl_channels shape
    cdef cnp.ndarray dout_ = batch_of(dout, op, "dout", &shape)
    cdef int dtype = dtype_of(dout_)
    cdef cnp.ndarray x_ = read_like(x, dout_, op, "x")
    cdef cnp.ndarray gamma_ = read_row(gamma, shape.channels, op, "gamma", dtype)
    cdef cnp.ndarray statistics_ = statistics_of(statistics, shape.channels, op, dtype)
    cdef cnp.ndarray y_ = output_for_slope(y, dout_, f, op, activation), dx, dgamma, dbeta
    cdef cnp.npy_intp channels = shape.channels
    out = places(out, 3, op, "(dx, dgamma, dbeta)")
    dx = result(out[0], op, "out[0]", cnp.PyArray_NDIM(dout_), cnp.PyArray_DIMS(dout_), dtype)
    dgamma = result(out[1], op, "out[1]", 1, &channels, dtype)
    dbeta = result(out[2], op, "out[2]", 1, &channels, dtype)
    if out[0] is not None or out[1] is not None or out[2] is not None:
        check_apart(
            [("out[0]", dx), ("out[1]", dgamma), ("out[2]", dbeta)],
            [("dout", dout_), ("x", x_), ("gamma", gamma_), ("statistics", statistics_), ("y", y_)],
            op,
        )

    cdef const void* dout_data = cnp.PyArray_DATA(dout_)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* gamma_data = cnp.PyArray_DATA(gamma_)
    cdef const void* statistics_data = cnp.PyArray_DATA(statistics_)
    cdef const void* y_data = cnp.PyArray_DATA(y_)
    cdef void* dx_data = cnp.PyArray_DATA(dx)
    cdef void* dgamma_data = cnp.PyArray_DATA(dgamma)
    cdef void* dbeta_data = cnp.PyArray_DATA(dbeta)
    cdef fastdl_queue queue = _runtime.enter((dout_, x_, gamma_, statistics_, y_, dx, dgamma, dbeta))
    cdef bint done
    with nogil:
        done = _runtime.kernels().batch_norm_backward[dtype](
            queue, &shape, dout_data, x_data, gamma_data, statistics_data, y_data, f, dx_data, dgamma_data, dbeta_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return dx, dgamma, dbeta
