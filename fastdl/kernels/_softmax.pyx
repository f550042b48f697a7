"""Softmax, and its cross-entropy against labels with the gradient, as functions on NumPy arrays."""

import numpy as np

cimport numpy as cnp
from libc.stdint cimport int64_t

from fastdl.kernels cimport _recording, _runtime
from fastdl.kernels._arrays cimport FLOAT64, check_apart, check_not_empty, dtype_of, is_array, is_number, read, read_row, result
from fastdl.kernels._table cimport fastdl_queue, fastdl_targets
from fastdl.kernels.errors import DtypeError, HyperparameterError, LabelError

cnp.import_array()

cdef object _largest_label = np.uint64(2**63 - 1)  # that int64 holds


def softmax(x, out=None):
    """Return the softmax of each row: ``exp(x - max) / sum(exp(x - max))``.

    Parameters
    ----------
    x : ndarray of shape (B, C)
        float32 or float64.
    out : ndarray of shape (B, C), optional
        Where the result goes.

    Returns
    -------
    ndarray of shape (B, C)
        Rows that sum to 1. A row with a NaN or +inf, or of nothing but -inf, comes out as NaN.

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.softmax(np.zeros((1, 4)))
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    cdef str op = "softmax"
    cdef cnp.ndarray x_ = read(x, op, "x", 2, -1)
    cdef int dtype = dtype_of(x_)
    check_not_empty(x_, op, "x")
    cdef cnp.ndarray y = result(out, op, "out", 2, cnp.PyArray_DIMS(x_), dtype)
    if out is not None:
        check_apart([("out", y)], [("x", x_)], op)
    cdef Py_ssize_t batch = cnp.PyArray_DIM(x_, 0), classes = cnp.PyArray_DIM(x_, 1)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    cdef fastdl_queue queue = _runtime.enter((x_, y))
    cdef bint done
    with nogil:
        done = _runtime.kernels().softmax[dtype](queue, batch, classes, x_data, y_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y


cdef cnp.ndarray _class_numbers(object labels, Py_ssize_t batch, Py_ssize_t classes, object ignore_index, str op):
    """The labels as int64 class numbers, each of them checked."""
    cdef int64_t ignored = 0 if ignore_index is None else ignore_index
    cdef cnp.ndarray numbers, array
    cdef const int64_t* number
    cdef Py_ssize_t i
    if not is_array(labels):
        raise DtypeError("not a NumPy array", op=op, arg="labels", expected="numpy.ndarray", got=type(labels).__qualname__)
    array = labels
    if cnp.PyArray_NDIM(array) == 2:
        numbers = _from_one_hot(array, batch, classes, op)
    else:
        if cnp.PyArray_NDIM(array) != 1 or cnp.PyArray_DIM(array, 0) != batch:
            raise LabelError(
                "wrong shape", op=op, arg="labels", expected=f"({batch},) or ({batch}, {classes})", got=str(labels.shape)
            )
        if labels.dtype.kind not in "iu":
            raise LabelError(
                "not integers", op=op, arg="labels", expected="an integer dtype, or one-hot rows", got=str(labels.dtype),
                hint="Convert class numbers with .astype(numpy.int64)",
            )
        if labels.dtype == np.uint64 and (labels > _largest_label).any():
            i = int(np.argmax(labels > _largest_label))
            raise _label_out_of_range(i, labels[i], classes, op)
        numbers = np.ascontiguousarray(labels, dtype=np.int64)
    if cnp.PyArray_DATA(numbers) != cnp.PyArray_DATA(array):
        _recording.spoil()
    number = <const int64_t*>cnp.PyArray_DATA(numbers)
    for i in range(batch):
        if (number[i] < 0 or number[i] >= classes) and (ignore_index is None or number[i] != ignored):
            raise _label_out_of_range(i, number[i], classes, op)
    return numbers


def _label_out_of_range(i, label, classes, op):
    return LabelError(
        "no such class", op=op, arg="labels", key=i, expected=f"an integer from 0 to {classes - 1}", got=str(label)
    )


def _from_one_hot(labels, batch, classes, op):
    if labels.shape != (batch, classes):
        raise LabelError("wrong shape", op=op, arg="labels", expected=str((batch, classes)), got=str(labels.shape))
    if labels.dtype.kind not in "biuf":
        raise LabelError("not numbers", op=op, arg="labels", expected="one-hot rows", got=str(labels.dtype))
    is_one = labels == 1
    wrong = (is_one.sum(axis=1) != 1) | ((labels == 0).sum(axis=1) != classes - 1)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise LabelError("not one-hot", op=op, arg="labels", key=i, expected="a single 1, otherwise 0", got=str(labels[i]))
    return np.ascontiguousarray(is_one.argmax(axis=1), dtype=np.int64)


cdef double _smoothing(object value, str op) except -1:
    if not is_number(value) or not 0 <= value <= 1:
        raise HyperparameterError("out of range", op=op, arg="label_smoothing", expected="a number in [0, 1]", got=repr(value))
    return value


cdef object _ignored(object ignore_index, str op):
    if ignore_index is None:
        return None
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, (int, np.integer)) \
            or not -(2**63) <= ignore_index < 2**63:
        raise HyperparameterError(
            "out of range", op=op, arg="ignore_index", expected="an integer of 64 bits, or None", got=repr(ignore_index)
        )
    return int(ignore_index)


cdef cnp.ndarray _weights(object class_weights, Py_ssize_t classes, int dtype, str op):
    """The weights of the classes, each of them checked; 1 without any."""
    if class_weights is None:
        return np.ones(classes, np.float64 if dtype == FLOAT64 else np.float32)
    cdef cnp.ndarray weights = read_row(class_weights, classes, op, "class_weights", dtype)
    fits = (<object>weights >= 0) & (<object>weights < np.inf)
    if not fits.all():
        i = int(np.argmin(fits))
        raise HyperparameterError(
            "out of range", op=op, arg="class_weights", key=i, expected="finite and >= 0", got=str((<object>weights)[i])
        )
    return weights


def class_numbers(labels, batch, classes, ignore_index=None):
    """Return labels as class numbers, each of them checked.

    Parameters
    ----------
    labels : ndarray of shape (B,) or (B, C)
        Class numbers from 0 to C - 1 of any integer dtype, or one-hot rows.
    batch, classes : int
        B and C.
    ignore_index : int, optional
        Another number that a label may be.

    Returns
    -------
    ndarray of shape (B,)
        int64, in C order; the labels themselves where they are such an array.

    Raises
    ------
    DtypeError, LabelError
        If a label is not one of the classes, with its index and value, or they are none.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.class_numbers(np.array([[0, 1], [1, 0]]), 2, 2)
    array([1, 0])
    """
    return _class_numbers(labels, batch, classes, ignore_index, "class_numbers")


def softmax_cross_entropy(logits, labels, out=None, label_smoothing=0.0, class_weights=None, ignore_index=None):
    """Return the mean cross-entropy of softmax(logits) against the labels, and its gradient, in one pass.

    ``loss = mean(log(sum(exp(logits))) - logits[label])``, ``gradient = (softmax(logits) - onehot) / B``.

    Parameters
    ----------
    logits : ndarray of shape (B, C)
        float32 or float64.
    labels : ndarray of shape (B,) or (B, C)
        Class numbers from 0 to C - 1 of any integer dtype, or one-hot rows.
    out : ndarray of shape (B, C), optional
        Where the gradient goes.
    label_smoothing : float
        s in [0, 1]: the target is ``(1 - s) * onehot + s / C`` in place of the one-hot row.
    class_weights : ndarray of shape (C,), optional
        w >= 0: the target is multiplied by the weight of each class, and the mean is the sum over the rows divided by the
        sum of ``w[label]``.
    ignore_index : int, optional
        Rows with this class number, which need not be one of the C, count for nothing, and their gradient is 0, whatever is
        in them.

    Returns
    -------
    loss : float
        Added up in double precision. Where all rows are ignored, or their weights are all 0, it is 0, and so is the
        gradient.
    gradient : ndarray of shape (B, C)

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    LabelError
        If a label is not one of the classes, with its index and value.
    HyperparameterError
        If label_smoothing, ignore_index or one of the class_weights is out of range.

    Notes
    -----
    The book takes the logarithm of the softmax plus 1e-7, which bounds the loss at 16.1; this computes it from the logits,
    which needs no such constant. torch's ``cross_entropy`` agrees, but for its NaN where all rows are ignored, and for its
    ignore_index of -100 by default. Label smoothing: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception
    Architecture for Computer Vision", 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> loss, gradient = kernels.softmax_cross_entropy(np.zeros((1, 2)), np.array([1]))
    >>> print(f"{loss:.4f}", gradient)
    0.6931 [[ 0.5 -0.5]]
    """
    cdef str op = "softmax_cross_entropy"
    cdef cnp.ndarray x_ = read(logits, op, "logits", 2, -1), weights = None
    cdef int dtype = dtype_of(x_)
    check_not_empty(x_, op, "logits")
    cdef Py_ssize_t batch = cnp.PyArray_DIM(x_, 0), classes = cnp.PyArray_DIM(x_, 1)
    cdef fastdl_targets targets
    ignore_index = _ignored(ignore_index, op)
    targets.class_weights = NULL
    targets.ignored = -1 if ignore_index is None else ignore_index  # -1 is not a label otherwise
    targets.smoothing = _smoothing(label_smoothing, op)
    if class_weights is not None or ignore_index is not None or targets.smoothing > 0:
        weights = _weights(class_weights, classes, dtype, op)
        targets.class_weights = cnp.PyArray_DATA(weights)
    cdef cnp.ndarray numbers = _class_numbers(labels, batch, classes, ignore_index, op)
    cdef cnp.ndarray gradient = result(out, op, "out", 2, cnp.PyArray_DIMS(x_), dtype)
    if out is not None:
        check_apart([("out", gradient)], [("logits", x_), ("labels", numbers), ("class_weights", weights)], op)
    cdef const void* x_data = cnp.PyArray_DATA(x_)
    cdef const int64_t* label_data = <const int64_t*>cnp.PyArray_DATA(numbers)
    cdef void* gradient_data = cnp.PyArray_DATA(gradient)
    cdef cnp.ndarray total = np.empty(1)
    cdef double* loss = <double*>cnp.PyArray_DATA(total)
    cdef fastdl_queue queue = _runtime.enter((x_, numbers, weights, gradient, total))
    cdef bint done
    with nogil:
        done = _runtime.kernels().softmax_cross_entropy[dtype](
            queue, batch, classes, x_data, label_data, &targets, loss, gradient_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    _recording.add_to_loss(total)
    return loss[0], gradient
