"""Batch normalization of a batch of which each process has a share, pass by pass, as functions on NumPy arrays."""

cimport numpy as cnp
from libc.math cimport INFINITY
from libc.float cimport DBL_MAX

from fastdl.kernels cimport _runtime
from fastdl.kernels._activations cimport fusible_activation
from fastdl.kernels._arrays cimport (
    FLOAT64,
    check_apart,
    dtype_named,
    dtype_of,
    is_number,
    read,
    read_like,
    read_row,
    result,
    wrong_shape,
)
from fastdl.kernels._batch_norm cimport batch_of, number_up_to, output_for_slope, running_of, statistics_of
from fastdl.kernels._table cimport fastdl_activation, fastdl_channels, fastdl_queue, fastdl_running
from fastdl.kernels.errors import ArrayError, HyperparameterError

cnp.import_array()


cdef double _count(object value, str op) except? -1:
    if is_number(value) and 0 < value <= DBL_MAX:
        return value
    raise HyperparameterError("not possible", op=op, arg="count", expected="a number > 0", got=repr(value))


def batch_norm_moments(x):
    """Return the mean of each channel of a batch's share, and the sum of the squares around it.

    Parameters
    ----------
    x : ndarray of shape (B, C) or (B, C, ...)
        Rows of a batch with C channels, float32 or float64; one that is not in C order is copied first.

    Returns
    -------
    ndarray of shape (2, C)
        float64, as exact as the statistics of :func:`batch_norm_forward`.

    Raises
    ------
    DtypeError, ArrayError
        If x does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.batch_norm_moments(np.array([[1.0], [3.0]]))
    array([[2.],
           [2.]])
    """
    cdef str op = "batch_norm_moments"
    cdef fastdl_channels shape
    cdef cnp.ndarray x_ = batch_of(x, op, "x", &shape)
    cdef int dtype = dtype_of(x_)
    cdef cnp.npy_intp dims[2]
    dims[0], dims[1] = 2, shape.channels
    cdef cnp.ndarray moments = result(None, op, "out", 2, dims, FLOAT64)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef double* moments_data = <double*>cnp.PyArray_DATA(moments)
    cdef fastdl_queue queue = _runtime.enter((x_, moments))
    cdef bint done
    with nogil:
        done = _runtime.kernels().measure_share[dtype](queue, &shape, x_data, moments_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return moments


def batch_norm_statistics(counts, moments, eps=1e-6, running=None, momentum=0.9, ddof=0, dtype="float32"):
    """Return the statistics of a batch whose shares have these moments.

    Parameters
    ----------
    counts : ndarray of shape (R,)
        float64: how many numbers of each channel each of the R shares has; 0 for one that is empty. All have two or more.
    moments : ndarray of shape (R, 2, C)
        float64: those of each share, by :func:`batch_norm_moments`; of one that is empty any finite numbers.
    eps, running, momentum, ddof
        As in :func:`batch_norm_forward`.
    dtype : {"float32", "float64"}
        That of the result, and of ``running``.

    Returns
    -------
    ndarray of shape (3, C)
        What :func:`batch_norm_forward` returns for the whole batch.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit, or the batch has one number a channel; nothing has been written then.
    HyperparameterError
        If eps, momentum or ddof is not possible.

    Notes
    -----
    Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979: of two
    shares with n and m numbers, means that differ by d and squares S and T, the squares of both are
    ``S + T + d**2 * n * m / (n + m)``. The shares are combined in their order.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> x = np.array([[1.0], [3.0], [5.0], [11.0]])
    >>> moments = np.stack([kernels.batch_norm_moments(x[:3]), kernels.batch_norm_moments(x[3:])])
    >>> kernels.batch_norm_statistics(np.array([3.0, 1.0]), moments, eps=2, dtype="float64").ravel()
    array([5.  , 0.  , 0.25])
    """
    cdef str op = "batch_norm_statistics"
    cdef int kind = dtype_named(dtype, op)
    cdef cnp.ndarray counts_ = read(counts, op, "counts", 1, FLOAT64), moments_ = read(moments, op, "moments", 3, FLOAT64)
    cdef Py_ssize_t shares = cnp.PyArray_DIM(counts_, 0), channels = cnp.PyArray_DIM(moments_, 2)
    if cnp.PyArray_DIM(moments_, 0) != shares or cnp.PyArray_DIM(moments_, 1) != 2:
        raise wrong_shape(op, "moments", None, (shares, 2, channels), moments_)
    if shares == 0 or channels == 0:
        raise ArrayError("is empty", op=op, arg="moments", got=f"shape {(<object>moments_).shape}")
    cdef double* counts_data = <double*>cnp.PyArray_DATA(counts_)
    cdef double count = 0
    cdef Py_ssize_t share
    for share in range(shares):
        if not 0 <= counts_data[share] < INFINITY:
            raise ArrayError("not a count", op=op, arg="counts", expected="numbers >= 0", got=repr(counts_data[share]))
        count += counts_data[share]
    if count < 2:
        raise ArrayError(
            "one number a channel has no variance", op=op, arg="counts", expected="at least two in all", got=f"{count:g}",
            hint="Train on larger batches, or use batch_norm_inference",
        )
    cdef double eps_ = number_up_to(eps, op, "eps", INFINITY)
    cdef fastdl_running past
    cdef cnp.ndarray mean, variance
    mean, variance = running_of(running, momentum, ddof, <Py_ssize_t>count, channels, op, kind, &past)
    cdef cnp.npy_intp dims[2]
    dims[0], dims[1] = 3, channels
    cdef cnp.ndarray statistics = result(None, op, "out", 2, dims, kind)
    if running is not None:
        check_apart([("running[0]", mean), ("running[1]", variance)], [("counts", counts_), ("moments", moments_)], op)
    cdef double* moments_data = <double*>cnp.PyArray_DATA(moments_)
    cdef void* statistics_data = cnp.PyArray_DATA(statistics)
    cdef fastdl_queue queue = _runtime.enter((counts_, moments_, mean, variance, statistics))
    cdef bint done
    with nogil:
        done = _runtime.kernels().combine_shares[kind](
            queue, shares, channels, counts_data, moments_data, eps_, &past, statistics_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return statistics


def batch_norm_apply(x, gamma, beta, statistics, activation="identity", out=None):
    """Return ``activation(gamma * (x - mean) / sqrt(variance + eps) + beta)`` with statistics of the whole batch.

    Parameters
    ----------
    x, gamma, beta
        As in :func:`batch_norm_forward`; x is a share of the batch, of one row or more.
    statistics : ndarray of shape (3, C)
        What :func:`batch_norm_statistics` returned.
    activation : str
        As there.
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
        If the activation is not possible.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> one = np.ones(1)
    >>> kernels.batch_norm_apply(np.array([[5.0]]), one, one, np.array([[1.0], [0.0], [0.5]]))
    array([[3.]])
    """
    cdef str op = "batch_norm_apply"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef fastdl_channels shape
    cdef cnp.ndarray x_ = batch_of(x, op, "x", &shape)
    cdef int dtype = dtype_of(x_)
    cdef cnp.ndarray gamma_ = read_row(gamma, shape.channels, op, "gamma", dtype)
    cdef cnp.ndarray beta_ = read_row(beta, shape.channels, op, "beta", dtype)
    cdef cnp.ndarray statistics_ = statistics_of(statistics, shape.channels, op, dtype)
    cdef cnp.ndarray y = result(out, op, "out", cnp.PyArray_NDIM(x_), cnp.PyArray_DIMS(x_), dtype)
    if out is not None:
        check_apart([("out", y)], [("x", x_), ("gamma", gamma_), ("beta", beta_), ("statistics", statistics_)], op)

    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* gamma_data = cnp.PyArray_DATA(gamma_)
    cdef const void* beta_data = cnp.PyArray_DATA(beta_)
    cdef const void* statistics_data = cnp.PyArray_DATA(statistics_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    cdef fastdl_queue queue = _runtime.enter((x_, gamma_, beta_, statistics_, y))
    cdef bint done
    with nogil:
        done = _runtime.kernels().normalize_share[dtype](
            queue, &shape, x_data, gamma_data, beta_data, statistics_data, f, y_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y


def batch_norm_sums(dout, x, statistics, y=None, activation="identity"):
    """Return what a share adds to the sums of :func:`batch_norm_backward`: ``sum(dz)`` and ``sum(dz * (x - mean))``.

    Parameters
    ----------
    dout : ndarray of shape (B, C) or (B, C, ...)
        The gradient with respect to the result of :func:`batch_norm_apply`, of the loss of the whole batch.
    x : ndarray of the same shape
        The share.
    statistics : ndarray of shape (3, C)
        Those of the whole batch.
    y : ndarray of the same shape, optional
        The result of :func:`batch_norm_apply`; needed unless the activation is the identity.
    activation : str
        That of the forward pass, whose derivative makes dz of dout.

    Returns
    -------
    ndarray of shape (2, C)
        float64. The first row is the share's dbeta, the second one times 1 / sqrt(variance + eps) its dgamma.

    Raises
    ------
    DtypeError, ArrayError
        If an array does not fit.
    HyperparameterError
        If the activation is not possible.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.batch_norm_sums(np.array([[1.0], [4.0]]), np.array([[1.0], [3.0]]), np.array([[2.0], [0.0], [1.0]]))
    array([[5.],
           [3.]])
    """
    cdef str op = "batch_norm_sums"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef fastdl_channels shape
    cdef cnp.ndarray dout_ = batch_of(dout, op, "dout", &shape)
    cdef int dtype = dtype_of(dout_)
    cdef cnp.ndarray x_ = read_like(x, dout_, op, "x")
    cdef cnp.ndarray statistics_ = statistics_of(statistics, shape.channels, op, dtype)
    cdef cnp.ndarray y_ = output_for_slope(y, dout_, f, op, activation)
    cdef cnp.npy_intp dims[2]
    dims[0], dims[1] = 2, shape.channels
    cdef cnp.ndarray sums = result(None, op, "out", 2, dims, FLOAT64)

    cdef const void* dout_data = cnp.PyArray_DATA(dout_)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* statistics_data = cnp.PyArray_DATA(statistics_)
    cdef const void* y_data = cnp.PyArray_DATA(y_)
    cdef double* sums_data = <double*>cnp.PyArray_DATA(sums)
    cdef fastdl_queue queue = _runtime.enter((dout_, x_, statistics_, y_, sums))
    cdef bint done
    with nogil:
        done = _runtime.kernels().sum_slopes[dtype](
            queue, &shape, dout_data, x_data, statistics_data, y_data, f, sums_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return sums


def batch_norm_apply_backward(dout, x, gamma, statistics, sums, count, y=None, activation="identity", out=None):
    """Return the gradient with respect to a share of a batch, from sums over the whole batch.

    Parameters
    ----------
    dout, x, gamma, statistics
        As in :func:`batch_norm_backward`; dout and x are those of the share.
    sums : ndarray of shape (2, C)
        float64: those of :func:`batch_norm_sums`, of all shares together.
    count : float
        > 0: how many numbers of a channel the whole batch has.
    y, activation
        As there; y is that of the share.
    out : ndarray of dout's shape, optional
        Where the result goes; C order, sharing no memory with the other arrays.

    Returns
    -------
    ndarray of dout's shape
        The dx of :func:`batch_norm_backward`.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If count or the activation is not possible.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> one, statistics, sums = np.ones(1), np.array([[2.0], [0.0], [1.0]]), np.array([[5.0], [3.0]])
    >>> kernels.batch_norm_apply_backward(np.array([[1.0], [4.0]]), np.array([[1.0], [3.0]]), one, statistics, sums, 2)
    array([[0.],
           [0.]])
    """
    cdef str op = "batch_norm_apply_backward"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef double count_ = _count(count, op)
    cdef fastdl_channels shape
    cdef cnp.ndarray dout_ = batch_of(dout, op, "dout", &shape)
    cdef int dtype = dtype_of(dout_)
    cdef cnp.ndarray x_ = read_like(x, dout_, op, "x")
    cdef cnp.ndarray gamma_ = read_row(gamma, shape.channels, op, "gamma", dtype)
    cdef cnp.ndarray statistics_ = statistics_of(statistics, shape.channels, op, dtype)
    cdef cnp.ndarray sums_ = read(sums, op, "sums", 2, FLOAT64)
    if cnp.PyArray_DIM(sums_, 0) != 2 or cnp.PyArray_DIM(sums_, 1) != shape.channels:
        raise wrong_shape(op, "sums", None, (2, shape.channels), sums_)
    cdef cnp.ndarray y_ = output_for_slope(y, dout_, f, op, activation)
    cdef cnp.ndarray dx = result(out, op, "out", cnp.PyArray_NDIM(dout_), cnp.PyArray_DIMS(dout_), dtype)
    if out is not None:
        check_apart(
            [("out", dx)],
            [("dout", dout_), ("x", x_), ("gamma", gamma_), ("statistics", statistics_), ("sums", sums_), ("y", y_)],
            op,
        )

    cdef const void* dout_data = cnp.PyArray_DATA(dout_)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* gamma_data = cnp.PyArray_DATA(gamma_)
    cdef const void* statistics_data = cnp.PyArray_DATA(statistics_)
    cdef const double* sums_data = <double*>cnp.PyArray_DATA(sums_)
    cdef const void* y_data = cnp.PyArray_DATA(y_)
    cdef void* dx_data = cnp.PyArray_DATA(dx)
    cdef fastdl_queue queue = _runtime.enter((dout_, x_, gamma_, statistics_, sums_, y_, dx))
    cdef bint done
    with nogil:
        done = _runtime.kernels().apply_slopes[dtype](
            queue, &shape, dout_data, x_data, gamma_data, statistics_data, sums_data, count_, y_data, f, dx_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return dx
