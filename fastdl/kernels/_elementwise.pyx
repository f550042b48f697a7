"""The kernels of functions of several arrays' elements, as functions on NumPy arrays."""

from typing import NamedTuple

import numpy as np

cimport numpy as cnp
from libc.stdint cimport uintptr_t

from fastdl.kernels cimport _runtime
from fastdl.kernels._activations cimport fusible_activation
from fastdl.kernels._arrays cimport check_apart, dtype_of, read, read_like, result
from fastdl.kernels._table cimport fastdl_activation, fastdl_mapping, fastdl_max_mapped, fastdl_queue, fastdl_tile
from fastdl.kernels.errors import KeyMismatchError

cnp.import_array()


class CompiledFunction(NamedTuple):
    """A function of elements for :func:`map_elements`.

    ``address(is_double)`` is that of ``void code(int64_t n, void** arrays, const double* coefficients)`` with arrays =
    {inputs ..., result}, of which there are ``input_count + 1``. The code must stay where it is: a plan calls it again.
    """

    name: str
    input_count: int
    address: object


def add(a, b, activation="identity", out=None):
    """Return the sum of two arrays, with an activation of every element: ``activation(a + b)``.

    Parameters
    ----------
    a : ndarray of any shape
        float32 or float64.
    b : ndarray of the same shape and dtype
        What is added; nothing is broadcast.
    activation : str
        One of :data:`fastdl.kernels.ACTIVATIONS`, with its default alpha, but none of
        :data:`~fastdl.kernels.NEED_INPUT`.
    out : ndarray of the same shape, optional
        Where the result goes; it may be ``a`` or ``b`` itself.

    Returns
    -------
    ndarray of the same shape

    Raises
    ------
    DtypeError, ArrayError, AliasError
        If an array does not fit; ``out`` is untouched then.
    HyperparameterError
        If the activation is unknown, or its derivative needs its input.

    Notes
    -----
    The end of a residual block (He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2016). Its
    backward pass is :func:`activation_backward`, whose result is the gradient of both a and b.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels
    >>> kernels.add(np.array([1.0, -3.0]), np.array([1.0, 1.0]), "relu")
    array([2., 0.])
    """
    cdef str op = "add"
    cdef fastdl_activation f = fusible_activation(activation, op)
    cdef cnp.ndarray a_ = read(a, op, "a", -1, -1)
    cdef int dtype = dtype_of(a_)
    cdef cnp.ndarray b_ = read_like(b, a_, op, "b")
    cdef cnp.ndarray y = result(out, op, "out", cnp.PyArray_NDIM(a_), cnp.PyArray_DIMS(a_), dtype)
    cdef const void* a_data = cnp.PyArray_DATA(a_)
    cdef const void* b_data = cnp.PyArray_DATA(b_)
    cdef void* y_data = cnp.PyArray_DATA(y)
    check_apart([("out", y)], [("a", None if a_data == y_data else a_), ("b", None if b_data == y_data else b_)], op)
    cdef Py_ssize_t size = cnp.PyArray_SIZE(a_)
    cdef fastdl_queue queue = _runtime.enter((a_, b_, y))
    cdef bint done
    with nogil:
        done = _runtime.kernels().add[dtype](queue, size, a_data, b_data, f, y_data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y


def map_elements(function, inputs, coefficients=(), out=None):
    """Return what a compiled function makes of the elements of arrays.

    It runs over tiles of fixed size that threads share, as fastdl's own functions do: the same bits for any number of
    threads.

    Parameters
    ----------
    function : CompiledFunction
        The function; :func:`fastdl.nn.activation` makes such ones.
    inputs : sequence of ndarrays
        As many as it takes, of one shape and dtype, float32 or float64.
    coefficients : sequence of float
        The numbers that its code takes besides.
    out : ndarray of the same shape, optional
        Where the result goes; it may be one of the inputs.

    Returns
    -------
    ndarray of the same shape

    Raises
    ------
    DtypeError, ArrayError, AliasError, KeyMismatchError
        If an array does not fit; ``out`` is untouched then.

    Examples
    --------
    >>> import numpy as np
    >>> from fastdl import kernels, nn
    >>> @nn.activation
    ... def square(x):
    ...     return x * x, 2 * x
    >>> kernels.map_elements(square.compiled_forward, [np.array([1.0, 3.0])])
    array([1., 9.])
    """
    cdef str op = function.name
    cdef Py_ssize_t count = len(inputs), k
    if count != function.input_count or not 0 < count < fastdl_max_mapped:
        raise KeyMismatchError("wrong number", op=op, arg="inputs", expected=str(function.input_count), got=str(count))
    cdef cnp.ndarray first = read(inputs[0], op, "inputs", -1, -1, 0)
    cdef int dtype = dtype_of(first)
    cdef list arrays = [first] + [read_like(inputs[k], first, op, f"inputs[{k}]") for k in range(1, count)]
    cdef cnp.ndarray numbers = np.array(coefficients, dtype=np.float64)
    cdef fastdl_mapping mapping
    mapping.tile = <fastdl_tile><uintptr_t>function.address(bool(dtype))
    mapping.coefficients = <const double*>cnp.PyArray_DATA(numbers)
    mapping.array_count = count + 1
    cdef cnp.ndarray y = result(out, op, "out", cnp.PyArray_NDIM(first), cnp.PyArray_DIMS(first), dtype)
    arrays.append(y)
    for k in range(fastdl_max_mapped):
        mapping.arrays[k] = cnp.PyArray_DATA(<cnp.ndarray>arrays[k]) if k <= count else NULL
    check_apart(
        [("out", y)],
        [(f"inputs[{k}]", None if mapping.arrays[k] == mapping.arrays[count] else arrays[k]) for k in range(count)],
        op,
    )
    cdef Py_ssize_t size = cnp.PyArray_SIZE(first)
    cdef fastdl_queue queue = _runtime.enter((*arrays, numbers))
    cdef bint done
    with nogil:
        done = _runtime.kernels().map_elements[dtype](queue, size, &mapping)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return y
