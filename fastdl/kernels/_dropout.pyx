"""Dropout, as functions on NumPy arrays."""

import numpy as np

cimport numpy as cnp
from libc.float cimport DBL_MAX, FLT_MAX
from libc.stdint cimport uint32_t

from fastdl.kernels cimport _runtime
from fastdl.kernels._activations cimport fusible_activation
from fastdl.kernels._arrays cimport FLOAT64, check_apart, dtype_of, is_number, read, read_like, result
from fastdl.kernels._random cimport integer_below, source_of
from fastdl.kernels._table cimport fastdl_activation, fastdl_mask, fastdl_queue
from fastdl.kernels.errors import ArrayError, HyperparameterError

cnp.import_array()

# Masks have the upper half of all blocks, so that they have no bits in common with random numbers of the same seed.
cdef object _first_of_masks = 1 << 63


cdef int _dropped(object ratio, str op) except -1:
    """How many of 65536 are dropped."""
    if not is_number(ratio) or not 0 <= ratio < 1:
        raise HyperparameterError("out of range", op=op, arg="ratio", expected="a number in [0, 1)", got=repr(ratio))
    return min(round(65536 * float(ratio)), 65535)


cdef double _scale(object scale, int dropped, int dtype, str op) except -1:
    if scale is None:
        return 65536.0 / (65536 - dropped)
    if not is_number(scale) or not 0 < scale <= (DBL_MAX if dtype == FLOAT64 else FLT_MAX):
        raise HyperparameterError("out of range", op=op, arg="scale", expected="a finite number > 0", got=repr(scale))
    return scale


cdef uint32_t* _counter(object value, str op, str arg) except NULL:
    cdef cnp.ndarray counter
    if type(value) is np.ndarray:
        counter = value
        if cnp.PyArray_TYPE(counter) == cnp.NPY_UINT32 and cnp.PyArray_NDIM(counter) == 1 \
                and cnp.PyArray_SIZE(counter) == 3 and cnp.PyArray_ISCARRAY(counter):
            return <uint32_t*>cnp.PyArray_DATA(counter)
    raise ArrayError(
        "not a counter", op=op, arg=arg, expected="a uint32 array of shape (3,)" + (", or an integer" if arg == "step" else ""),
    )


cdef fastdl_mask _mask(
    object ratio, object seed, object stream, object step, object first_row, bint is_next, str op) except *:
    """What is dropped, but for the width of a row; of a counter in the next step, or in the last one."""
    cdef fastdl_mask mask
    cdef uint32_t* counter = NULL
    mask.step = mask.first_row = NULL
    mask.row = 0 if type(first_row) is int and first_row == 0 else integer_below(first_row, 32, op, "first_row")
    mask.dropped = _dropped(ratio, op)
    if type(step) is np.ndarray:
        counter = _counter(step, op, "step")
        if mask.row != 0:
            raise HyperparameterError("is in the counter", op=op, arg="first_row", expected="0", got=repr(first_row))
        mask.step, mask.first_row, step = counter + is_next, counter + 2, 0
    mask.source = source_of(seed, stream, step, _first_of_masks, op)
    return mask


cdef Py_ssize_t _width(cnp.ndarray array) noexcept:
    """Elements of a row."""
    cdef Py_ssize_t rows = cnp.PyArray_DIM(array, 0) if cnp.PyArray_NDIM(array) > 0 else 1
    return cnp.PyArray_SIZE(array) // max(rows, 1)


def count_step(counter):
    """Count a step of training: ``counter[0], counter[1] = counter[1], counter[1] + 1``.

    Parameters
    ----------
    counter : ndarray of shape (3,)
        uint32: the last step, the next one, and ``first_row``. Given as ``step``, dropout's forward pass is the next step
        and its backward pass the last one, as they are counted when it runs, also where it runs as part of a :class:`Plan`.

    Raises
    ------
    ArrayError
        If it is not such an array.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> counter = np.array([0, 7, 0], dtype=np.uint32)
    >>> kernels.count_step(counter)
    >>> counter
    array([7, 8, 0], dtype=uint32)
    """
    cdef str op = "count_step"
    cdef uint32_t* counts = _counter(counter, op, "counter")
    cdef fastdl_queue queue = _runtime.enter((counter,))
    with nogil:
        _runtime.kernels().count_step(queue, counts)
        _runtime.leave(queue)


def dropout_ratio(ratio):
    """Return the share that dropout really drops: ``ratio`` rounded to a multiple of 1/65536, at most 65535/65536.

    Parameters
    ----------
    ratio : float
        In [0, 1).

    Returns
    -------
    float

    Raises
    ------
    HyperparameterError
        If it is not such a number.

    Examples
    --------
    >>> from fastdl import kernels
    >>> kernels.dropout_ratio(0.1)
    0.100006103515625
    """
    return _dropped(ratio, "dropout_ratio") / 65536.0


def dropout_forward(x, ratio, seed, stream=0, step=0, activation="identity", scale=None, first_row=0, out=None):
    """Return ``scale * activation(x)`` with a random share of the elements replaced by 0, in one pass.

    Parameters
    ----------
    x : ndarray of any shape
        float32 or float64.
    ratio : float
        The share dropped, in [0, 1), rounded as by :func:`dropout_ratio`.
    seed : int
        From 0 to 2**64 - 1.
    stream : int
        From 0 to 2**32 - 1: another one for each layer of a network.
    step : int, or ndarray of shape (3,)
        From 0 to 2**32 - 1: another one for each step of training; or a counter, see :func:`count_step`.
    activation : str
        Applied first: one of :data:`fastdl.kernels.ACTIVATIONS`, with its default alpha, but none of
        :data:`~fastdl.kernels.NEED_INPUT`.
    scale : float, optional
        What the kept elements are multiplied by, > 0; without it 1 / (1 - the rounded ratio), which keeps their mean.
    first_row : int
        From 0 to 2**32 - 1: of x as rows of a larger batch, the number of the first one. They get the mask that they have as
        a part of it. A counter has its own.
    out : ndarray of the same shape, optional
        Where the result goes; it may be ``x`` itself.

    Returns
    -------
    ndarray of the same shape
        Where an element is dropped it is 0, also for NaN and infinity. What is dropped depends on seed, stream, step, ratio
        and the place of the element in C order, from that of the first row on, alone: not on threads, layout, dtype or CPU
        level.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If another argument is out of range.

    Notes
    -----
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting", 2014. Element i is dropped if the i-th 16 bits of ``random_bits(..., first=2**63)`` are less than
    65536 times the rounded ratio. torch and Keras scale as this does by default. The book leaves kept elements as they are,
    ``scale=1``, and scales in evaluation instead.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.dropout_forward(np.ones(5), 0.5, seed=0)
    array([0., 2., 2., 0., 2.])
    """
    cdef str op = "dropout_forward"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef fastdl_mask mask = _mask(ratio, seed, stream, step, first_row, True, op)
    cdef cnp.ndarray x_ = read(x, op, "x", -1, -1)
    mask.width = _width(x_)
    cdef int dtype = dtype_of(x_)
    cdef double factor = _scale(scale, mask.dropped, dtype, op)
    cdef cnp.ndarray y = result(out, op, "out", cnp.PyArray_NDIM(x_), cnp.PyArray_DIMS(x_), dtype)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    if x_data != y_data:
        check_apart([("out", y)], [("x", x_)], op)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(x_)
    cdef fastdl_queue queue = _runtime.enter((x_, y, step))
    cdef bint done
    with nogil:
        done = _runtime.kernels().dropout_forward[dtype](queue, size, x_data, f, &mask, factor, y_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y


def dropout_backward(dout, ratio, seed, stream=0, step=0, y=None, activation="identity", scale=None, first_row=0, out=None):
    """Return the gradient with respect to the input of :func:`dropout_forward`.

    Parameters
    ----------
    dout : ndarray of any shape
        The gradient with respect to the result of the forward pass.
    ratio, seed, stream, step
        Those of the forward pass: the same elements are dropped.
    y : ndarray of the same shape, optional
        The result of the forward pass; needed unless the activation is the identity, whose derivative is 1.
    activation : str
        That of the forward pass; its derivative comes from ``y / scale``.
    scale, first_row
        Those of the forward pass.
    out : ndarray of the same shape, optional
        Where the result goes; it may be ``dout`` or ``y`` itself.

    Returns
    -------
    ndarray of the same shape
        ``scale * dout * activation'(x)``, and 0 where an element was dropped.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If another argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.dropout_backward(np.ones(5), 0.5, seed=0)
    array([0., 2., 2., 0., 2.])
    """
    cdef str op = "dropout_backward"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef fastdl_mask mask = _mask(ratio, seed, stream, step, first_row, False, op)
    cdef cnp.ndarray dout_ = read(dout, op, "dout", -1, -1), y_ = None
    mask.width = _width(dout_)
    cdef int dtype = dtype_of(dout_)
    cdef double factor = _scale(scale, mask.dropped, dtype, op)
    cdef const void* y_data = NULL
    if y is not None:
        y_ = read_like(y, dout_, op, "y")
        y_data = cnp.PyArray_DATA(y_)
    elif f.number != 0:
        raise ArrayError(
            "missing", op=op, arg="y", expected=f"shape {(<object>dout_).shape}", got="None",
            hint=f"Pass what dropout_forward returned: the derivative of {activation} is computed from it",
        )
    cdef cnp.ndarray dx = result(out, op, "out", cnp.PyArray_NDIM(dout_), cnp.PyArray_DIMS(dout_), dtype)
    cdef const void* dout_data = cnp.PyArray_DATA(dout_)
    cdef void* dx_data = cnp.PyArray_DATA(dx)
    check_apart(
        [("out", dx)],
        [("dout", None if dout_data == dx_data else dout_), ("y", None if y_data == dx_data else y_)],
        op,
    )
    cdef Py_ssize_t size = cnp.PyArray_SIZE(dout_)
    cdef fastdl_queue queue = _runtime.enter((dout_, y_, dx, step))
    cdef bint done
    with nogil:
        done = _runtime.kernels().dropout_backward[dtype](queue, size, dout_data, y_data, f, &mask, factor, dx_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return dx
