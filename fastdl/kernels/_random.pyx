"""Random numbers as functions of (seed, stream, step, element)."""

import numpy as np

cimport numpy as cnp
from libc.float cimport DBL_MAX
from libc.stdint cimport uint32_t
from libcpp cimport bool as cbool

from fastdl.kernels cimport _runtime
from fastdl.kernels._arrays cimport FLOAT64, dtype_named, is_number
from fastdl.kernels._table cimport fastdl_index, fastdl_queue, fastdl_source
from fastdl.kernels.errors import ArrayError, HyperparameterError

cnp.import_array()

ctypedef cbool (*Kernel)(fastdl_queue, fastdl_index, const fastdl_source*, double, double, void*) noexcept nogil


cdef object integer_below(object value, int bits, str op, str arg):
    if isinstance(value, bool) or not hasattr(value, "__index__") or value.__index__() >> bits != 0:
        raise HyperparameterError(
            "out of range", op=op, arg=arg, expected=f"an integer from 0 to 2**{bits} - 1", got=repr(value)
        )
    return value.__index__()


cdef double _number(object value, str op, str arg) except *:
    if not is_number(value) or not abs(value) <= DBL_MAX:
        raise HyperparameterError("not a finite number", op=op, arg=arg, got=repr(value))
    return value


cdef fastdl_source source_of(object seed, object stream, object step, object first, str op) except *:
    cdef fastdl_source source
    source.seed = integer_below(seed, 64, op, "seed")
    source.stream = integer_below(stream, 32, op, "stream")
    source.step = integer_below(step, 32, op, "step")
    source.first = integer_below(first, 64, op, "first")
    return source


cdef cnp.ndarray _empty(object shape, object dtype, str op, str arg):
    try:
        return np.empty(shape, dtype)
    except (TypeError, ValueError) as error:
        raise ArrayError("not a shape", op=op, arg=arg, expected="integers >= 0", got=repr(shape)) from error


def random_bits(blocks, seed, stream=0, step=0, first=0):
    """Return random bits: blocks of Philox 4x32-10, each a function of its number and the other arguments alone.

    Parameters
    ----------
    blocks : int
        How many, >= 0.
    seed : int
        From 0 to 2**64 - 1: the generator's key.
    stream, step : int
        From 0 to 2**32 - 1. Streams that differ in one of these are independent.
    first : int
        From 0 to 2**64 - 1: the number of the first block. The numbers wrap around.

    Returns
    -------
    ndarray of shape (blocks, 4)
        uint32. The generator's counter is (lower half of the block's number, upper half, step, stream).

    Raises
    ------
    ArrayError, HyperparameterError
        If an argument is out of range.

    Notes
    -----
    Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", 2011. torch and JAX use the same generator
    with counters of their own; NumPy's ``Philox`` has 64-bit words.

    Examples
    --------
    >>> from fastdl import kernels
    >>> [hex(word) for word in kernels.random_bits(1, seed=0)[0]]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    cdef str op = "random_bits"
    cdef fastdl_source source = source_of(seed, stream, step, first, op)
    cdef cnp.ndarray out = _empty((integer_below(blocks, 58, op, "blocks"), 4), np.uint32, op, "blocks")
    cdef Py_ssize_t size = cnp.PyArray_SIZE(out)
    cdef uint32_t* data = <uint32_t*>cnp.PyArray_DATA(out)
    cdef fastdl_queue queue = _runtime.enter((out,))
    cdef bint done
    with nogil:
        done = _runtime.kernels().random_bits(queue, size, &source, data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return out


cdef cnp.ndarray _draw(
    const Kernel* kernel, object shape, fastdl_source source, object dtype, double a, double b, str op):
    cdef int kind = dtype_named(dtype, op)
    cdef cnp.ndarray out = _empty(shape, np.float64 if kind == FLOAT64 else np.float32, op, "shape")
    cdef Py_ssize_t size = cnp.PyArray_SIZE(out)
    cdef void* data = cnp.PyArray_DATA(out)
    cdef fastdl_queue queue = _runtime.enter((out,))
    cdef bint done
    with nogil:
        done = kernel[kind](queue, size, &source, a, b, data)
        _runtime.leave(queue)
    if not done:
        raise MemoryError(op)
    return out


def random_uniform(shape, seed, stream=0, dtype="float32", low=0.0, high=1.0):
    """Return random numbers of the uniform distribution from ``low`` to ``high``.

    Parameters
    ----------
    shape : int or tuple of int
        Of the result.
    seed : int
        From 0 to 2**64 - 1.
    stream : int
        From 0 to 2**32 - 1: another one for each array. The same seed and stream give the same numbers, to an array of
        another shape too, and to :func:`random_normal` the same bits.
    dtype : {"float32", "float64"}
        That of the result; float32 is float64 rounded.
    low, high : float
        Where the numbers lie between, finite as their difference.

    Returns
    -------
    ndarray
        ``low + (high - low) * u`` with u = (k + 1/2) / 2**52 for a random k of 52 bits. u is never 0 or 1, but the result
        may be rounded to ``low`` or ``high``. The same bits for any number of threads and at every CPU level.

    Raises
    ------
    ArrayError, DtypeError, HyperparameterError
        If an argument is out of range.

    Examples
    --------
    >>> from fastdl import kernels
    >>> kernels.random_uniform(3, seed=0, dtype="float64").round(6)
    array([0.88052 , 0.605482, 0.362091])
    """
    cdef str op = "random_uniform"
    cdef fastdl_source source = source_of(seed, stream, 0, 0, op)
    cdef double lowest = _number(low, op, "low"), highest = _number(high, op, "high")
    if not 0 <= highest - lowest <= DBL_MAX:
        raise HyperparameterError("out of range", op=op, arg="high", expected=f"low = {low!r} or more", got=repr(high))
    return _draw(_runtime.kernels().random_uniform, shape, source, dtype, lowest, highest, op)


def random_normal(shape, seed, stream=0, dtype="float32", mean=0.0, std=1.0):
    """Return random numbers of the normal distribution N(mean, std²).

    Parameters
    ----------
    shape : int or tuple of int
        Of the result.
    seed : int
        From 0 to 2**64 - 1.
    stream : int
        From 0 to 2**32 - 1: another one for each array.
    dtype : {"float32", "float64"}
        That of the result; float32 is float64 rounded.
    mean : float
        Finite.
    std : float
        Standard deviation, finite, >= 0.

    Returns
    -------
    ndarray
        ``mean + std * z``; each two z are one result of Box and Muller's method, right to 4 ulp of float64, and as far out
        as ±8.57. The same bits for any number of threads and at every CPU level.

    Raises
    ------
    ArrayError, DtypeError, HyperparameterError
        If an argument is out of range.

    Notes
    -----
    Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958. From uniform u, v of 52 bits as in
    :func:`random_uniform`: ``sqrt(-2 log u) cos(2πv)`` and ``sqrt(-2 log u) sin(2πv)``.

    Examples
    --------
    >>> from fastdl import kernels
    >>> kernels.random_normal(3, seed=0, dtype="float64").round(6)
    array([-0.397668, -0.310395,  1.386844])
    """
    cdef str op = "random_normal"
    cdef fastdl_source source = source_of(seed, stream, 0, 0, op)
    cdef double centre = _number(mean, op, "mean"), deviation = _number(std, op, "std")
    if deviation < 0:
        raise HyperparameterError("out of range", op=op, arg="std", expected="a finite number >= 0", got=repr(std))
    return _draw(_runtime.kernels().random_normal, shape, source, dtype, centre, deviation, op)
