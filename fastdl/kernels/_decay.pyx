"""Weight decay in the loss."""

import numpy as np

cimport numpy as cnp
from libc.math cimport INFINITY

from fastdl.kernels cimport _recording, _runtime
from fastdl.kernels._arrays cimport changed, check_apart, dtype_of, is_number, read, wrong_shape
from fastdl.kernels._table cimport fastdl_queue
from fastdl.kernels.errors import ArrayError, HyperparameterError

cnp.import_array()


def decay_gradient(W, dW, rate):
    """Add ``rate * W`` to the gradient in place, and return the loss that this is the gradient of.

    Parameters
    ----------
    W : ndarray of any shape
        Weights, float32 or float64.
    dW : ndarray of the same shape, or None
        Their gradient, in C order; None for the loss alone.
    rate : float
        At least 0 and finite.

    Returns
    -------
    float
        ``rate / 2 * sum(W ** 2)``, added up in double precision.

    Raises
    ------
    DtypeError, ArrayError, AliasError, HyperparameterError
        If an argument does not fit; ``dW`` is untouched then.

    Notes
    -----
    L2 regularization as the book has it, in the loss. The ``weight_decay`` of an optimizer is another place for it.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> dW = np.zeros(2)
    >>> kernels.decay_gradient(np.array([3.0, 4.0]), dW, rate=0.5), dW
    (6.25, array([1.5, 2. ]))
    """
    cdef str op = "decay_gradient"
    cdef cnp.ndarray w_ = read(W, op, "W", -1, -1)
    cdef int dtype = dtype_of(w_)
    cdef cnp.ndarray dw_ = None, loss = np.empty(1)
    cdef void* dw_data = NULL
    if dW is not None:
        dw_ = changed(dW, op, "dW", dtype, None)
        dw_data = cnp.PyArray_DATA(dw_)
        if not cnp.PyArray_SAMESHAPE(w_, dw_):
            raise wrong_shape(op, "dW", None, (<object>w_).shape, dw_)
        if not cnp.PyArray_IS_C_CONTIGUOUS(dw_):
            raise ArrayError("not contiguous", op=op, arg="dW", hint="Pass an array in C order, not a view")
    if not is_number(rate) or not 0 <= rate < INFINITY:
        raise HyperparameterError("out of range", op=op, arg="rate", expected="a finite number >= 0", got=repr(rate))
    check_apart([("dW", dw_)], [("W", w_)], op)
    cdef double factor = rate
    cdef Py_ssize_t size = cnp.PyArray_SIZE(w_)
    cdef const void* w_data = cnp.PyArray_DATA(w_)
    cdef double* total = <double*>cnp.PyArray_DATA(loss)
    cdef fastdl_queue queue = _runtime.enter((w_, dw_, loss))
    cdef bint done
    with nogil:
        done = _runtime.kernels().decay_gradient[dtype](queue, size, factor, w_data, dw_data, total)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    _recording.add_to_loss(loss)
    return total[0]
