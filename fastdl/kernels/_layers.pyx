"""The kernels of a network's layers, as functions on NumPy arrays."""

import numpy as np

cimport numpy as cnp
from libc.float cimport DBL_MAX
from libc.stdint cimport int64_t

from fastdl.kernels cimport _runtime
from fastdl.kernels._activations cimport activation_of
from fastdl.kernels._arrays cimport (
    check_apart,
    check_not_empty,
    dtype_named,
    dtype_of,
    is_array,
    is_number,
    read,
    result,
    wrong_shape,
)
from fastdl.kernels._table cimport fastdl_activation, fastdl_queue
from fastdl.kernels._activations import NEED_INPUT as _need_input
from fastdl.kernels.errors import ArrayError, DtypeError, HyperparameterError

cnp.import_array()

cdef int _check_shape2(cnp.ndarray array, Py_ssize_t rows, Py_ssize_t columns, str op, str arg) except -1:
    if cnp.PyArray_DIM(array, 0) != rows or cnp.PyArray_DIM(array, 1) != columns:
        raise wrong_shape(op, arg, None, (rows, columns), array)
    return 0


def affine_forward(x, W, b, activation="identity", out=None, z=None, alpha=None):
    """Return ``activation(x @ W + b)``, in one pass.

    Parameters
    ----------
    x : ndarray of shape (B, I)
        A batch of B inputs, float32 or float64. Here as in every function of this module all arrays have one dtype, and one
        that is not in C order is copied first.
    W : ndarray of shape (I, O)
        Weights.
    b : ndarray of shape (O,)
        Biases.
    activation : str
        One of ``ACTIVATIONS``, applied while the product is still in the cache.
    out : ndarray of shape (B, O), optional
        Where the result goes; C order, sharing no memory with the other arrays.
    z : ndarray of shape (B, O), optional
        Where ``x @ W + b`` goes, as ``out``: the backward pass of the activations in ``NEED_INPUT`` needs it.
    alpha : float, optional
        That of the activation, as in :func:`activation_forward`.

    Returns
    -------
    ndarray of shape (B, O)
        Each element is one chain of multiply-adds in the order of I, starting from the bias, whatever the number of threads.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` and ``z`` are untouched then.
    HyperparameterError
        If the activation is unknown, or alpha out of range or not one of its.

    Notes
    -----
    torch keeps W as (O, I) and computes ``x @ W.T + b``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> x = np.array([[1.0, 2.0]])
    >>> W = np.array([[1.0, -1.0], [1.0, -1.0]])
    >>> kernels.affine_forward(x, W, np.array([0.5, 0.5]), activation="relu")
    array([[3.5, 0. ]])
    """
    cdef str op = "affine_forward"
    cdef fastdl_activation f = activation_of(activation, alpha, op)
    cdef cnp.ndarray x_ = read(x, op, "x", 2, -1)
    cdef int dtype = dtype_of(x_)
    cdef cnp.ndarray w_ = read(W, op, "W", 2, dtype), b_ = read(b, op, "b", 1, dtype), y, z_
    cdef cnp.npy_intp batch = cnp.PyArray_DIM(x_, 0), inputs = cnp.PyArray_DIM(x_, 1), outputs = cnp.PyArray_DIM(w_, 1)
    cdef cnp.npy_intp shape[2]
    check_not_empty(x_, op, "x")
    _check_shape2(w_, inputs, outputs, op, "W")
    check_not_empty(w_, op, "W")
    if cnp.PyArray_DIM(b_, 0) != outputs:
        raise wrong_shape(op, "b", None, (outputs,), b_)
    shape[0], shape[1] = batch, outputs
    y = result(out, op, "out", 2, shape, dtype)
    z_ = None if z is None else result(z, op, "z", 2, shape, dtype)
    if out is not None or z is not None:
        check_apart([("out", y), ("z", z_)], [("x", x_), ("W", w_), ("b", b_)], op)

    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* w_data = cnp.PyArray_DATA(w_)
    cdef const void* b_data = cnp.PyArray_DATA(b_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    cdef void* z_data = NULL if z_ is None else cnp.PyArray_DATA(z_)
    cdef fastdl_queue queue = _runtime.enter((x_, w_, b_, y, z_))
    cdef bint done
    with nogil:
        done = _runtime.kernels().affine_forward[dtype](
            queue, batch, inputs, outputs, x_data, w_data, b_data, f, y_data, z_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y


def affine_backward(dout, x, W, saved=None, activation="identity", need_dx=True, out=None, alpha=None):
    """Return the gradients of a loss with respect to the arguments of :func:`affine_forward`.

    With ``dz = dout * activation'(x @ W + b)``: ``dx = dz @ W.T``, ``dW = x.T @ dz``, ``db = dz.sum(axis=0)``.

    Parameters
    ----------
    dout : ndarray of shape (B, O)
        The gradient with respect to the result of the forward pass.
    x : ndarray of shape (B, I)
        The inputs of the forward pass.
    W : ndarray of shape (I, O)
        The weights of the forward pass.
    saved : ndarray of shape (B, O), optional
        What the activation's derivative is computed from: the result of the forward pass, its ``z`` for the activations in
        ``NEED_INPUT``. Not needed for the identity.
    activation : str
        That of the forward pass.
    need_dx : bool
        Whether dx is wanted: a network's first layer does not need it.
    out : tuple of three ndarrays, optional
        Where dx (None if not needed), dW and db go.
    alpha : float, optional
        That of the forward pass.

    Returns
    -------
    dx : ndarray of shape (B, I), or None if not needed
    dW : ndarray of shape (I, O)
    db : ndarray of shape (O,)
        Summed in double precision.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If the activation is unknown, or alpha out of range or not one of its.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> x, W = np.array([[1.0, 2.0]]), np.array([[1.0], [3.0]])
    >>> dx, dW, db = kernels.affine_backward(np.array([[1.0]]), x, W)
    >>> dx, dW.ravel(), db
    (array([[1., 3.]]), array([1., 2.]), array([1.]))
    """
    cdef str op = "affine_backward"
    cdef fastdl_activation f = activation_of(activation, alpha, op)
    cdef cnp.ndarray dout_ = read(dout, op, "dout", 2, -1)
    cdef int dtype = dtype_of(dout_)
    cdef cnp.ndarray x_ = read(x, op, "x", 2, dtype), w_ = read(W, op, "W", 2, dtype), saved_, dx, dw, db
    cdef cnp.npy_intp batch = cnp.PyArray_DIM(x_, 0), inputs = cnp.PyArray_DIM(x_, 1), outputs = cnp.PyArray_DIM(w_, 1)
    cdef cnp.npy_intp shape[2]
    cdef const void* saved_data = NULL
    cdef void* dx_data = NULL
    check_not_empty(x_, op, "x")
    _check_shape2(w_, inputs, outputs, op, "W")
    check_not_empty(w_, op, "W")
    _check_shape2(dout_, batch, outputs, op, "dout")
    saved_ = None
    if activation != "identity":
        if saved is None:
            needed = "stored in z" if activation in _need_input else "returned"
            raise ArrayError(
                "missing", op=op, arg="saved", expected=f"shape {(batch, outputs)}", got="None",
                hint=f"Pass what affine_forward {needed}: the derivative of {activation} is computed from it",
            )
        saved_ = read(saved, op, "saved", 2, dtype)
        _check_shape2(saved_, batch, outputs, op, "saved")
        saved_data = cnp.PyArray_DATA(saved_)
    if out is None:
        out = (None, None, None)
    elif not isinstance(out, tuple) or len(out) != 3:
        raise ArrayError("not a tuple of three arrays", op=op, arg="out", expected="(dx or None, dW, db)")
    dx = None
    if need_dx:
        shape[0], shape[1] = batch, inputs
        dx = result(out[0], op, "out[0]", 2, shape, dtype)
        dx_data = cnp.PyArray_DATA(dx)
    shape[0], shape[1] = inputs, outputs
    dw = result(out[1], op, "out[1]", 2, shape, dtype)
    shape[0] = outputs
    db = result(out[2], op, "out[2]", 1, shape, dtype)
    if out[0] is not None or out[1] is not None or out[2] is not None:
        check_apart(
            [("out[0]", dx), ("out[1]", dw), ("out[2]", db)],
            [("dout", dout_), ("x", x_), ("W", w_), ("saved", saved_)],
            op,
        )

    cdef const void* dout_data = cnp.PyArray_DATA(dout_)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const void* w_data = cnp.PyArray_DATA(w_)
    cdef void* dw_data = cnp.PyArray_DATA(dw)
    cdef void* db_data = cnp.PyArray_DATA(db)
    cdef fastdl_queue queue = _runtime.enter((dout_, x_, w_, saved_, dx, dw, db))
    cdef bint done
    with nogil:
        done = _runtime.kernels().affine_backward[dtype](
            queue, batch, inputs, outputs, dout_data, x_data, w_data, saved_data, f, dx_data, dw_data, db_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return dx, dw, db


cdef cnp.ndarray _row_numbers(object indices, Py_ssize_t rows, str op):
    """The indices as int64 in C order, each of them of a row."""
    cdef cnp.ndarray numbers
    cdef const int64_t* number
    cdef Py_ssize_t k
    if not is_array(indices) or indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise DtypeError("not a row of integers", op=op, arg="indices", expected="an integer array of shape (B,)")
    numbers = np.ascontiguousarray(indices, dtype=np.int64)
    number = <const int64_t*>cnp.PyArray_DATA(numbers)
    for k in range(cnp.PyArray_DIM(numbers, 0)):
        if number[k] < 0 or number[k] >= rows:
            raise ArrayError(
                "no such row", op=op, arg="indices", key=k, expected=f"an integer from 0 to {rows - 1}", got=str(number[k])
            )
    return numbers


def row_numbers(indices, rows):
    """Return indices as row numbers, each of them checked.

    Parameters
    ----------
    indices : ndarray of shape (B,)
        Of an integer dtype.
    rows : int
        How many rows there are.

    Returns
    -------
    ndarray of shape (B,)
        int64, in C order; the indices themselves where they are such an array.

    Raises
    ------
    DtypeError, ArrayError
        If an index is not one from 0 to ``rows - 1``, or they are none.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.row_numbers(np.array([3, 0], dtype=np.uint8), 4)
    array([3, 0])
    """
    return _row_numbers(indices, rows, "row_numbers")


def gather(data, indices, scale=1.0, dtype="float32", out=None):
    """Return chosen rows of the data as floats, times a scale: a mini-batch.

    Parameters
    ----------
    data : ndarray of shape (N, ...)
        uint8, float32 or float64, in C order: images stay bytes in memory.
    indices : ndarray of shape (B,)
        Row numbers from 0 to N - 1, of an integer dtype.
    scale : float
        What each element is multiplied by: 1 / 255 takes pixels to [0, 1].
    dtype : {"float32", "float64"}
        That of the result.
    out : ndarray of shape (B, ...), optional
        Where the result goes; it has the dtype.

    Returns
    -------
    ndarray of shape (B, ...)

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit or an index is out of range; ``out`` is untouched then.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> pixels = np.array([[0, 255], [51, 102]], dtype=np.uint8)
    >>> kernels.gather(pixels, np.array([1]), scale=1 / 255).round(6)
    array([[0.2, 0.4]], dtype=float32)
    """
    cdef str op = "gather"
    cdef cnp.ndarray data_, numbers, batch
    cdef int source, target, i
    cdef Py_ssize_t rows, count, width = 1
    cdef double factor
    cdef cnp.npy_intp shape[64]
    if is_array(data) and data.dtype == np.uint8:
        data_ = cnp.PyArray_GETCONTIGUOUS(data)
        source = 0
    else:
        data_ = read(data, op, "data", -1, -1)
        source = 1 + dtype_of(data_)
    if cnp.PyArray_NDIM(data_) == 0:
        raise ArrayError("has no rows", op=op, arg="data", expected="at least one dimension", got="shape ()")
    target = dtype_named(dtype, op)
    rows = cnp.PyArray_DIM(data_, 0)
    numbers = _row_numbers(indices, rows, op)
    if not is_number(scale) or not abs(scale) <= DBL_MAX:
        raise HyperparameterError("not a finite number", op=op, arg="scale", got=repr(scale))
    factor = scale
    count = cnp.PyArray_DIM(numbers, 0)
    shape[0] = count
    for i in range(1, cnp.PyArray_NDIM(data_)):
        shape[i] = cnp.PyArray_DIM(data_, i)
        width *= shape[i]
    batch = result(out, op, "out", cnp.PyArray_NDIM(data_), shape, target)
    if out is not None:
        check_apart([("out", batch)], [("data", data_), ("indices", numbers)], op)

    cdef const void* from_ = cnp.PyArray_DATA(data_)
    cdef const int64_t* number = <const int64_t*>cnp.PyArray_DATA(numbers)
    cdef void* to = cnp.PyArray_DATA(batch)
    cdef fastdl_queue queue = _runtime.enter((data_, numbers, batch))
    cdef bint done
    with nogil:
        done = _runtime.kernels().gather[source][target](queue, count, width, from_, rows, number, factor, to)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return batch
